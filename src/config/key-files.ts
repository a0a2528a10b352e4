// Reads the keys that verify gateway JWTs from the configured files: the shared secret and the key set.

import type { JSONWebKeySet } from 'jose'
import { readSmallFile } from '../base/private-file.ts'
import { StartError } from '../base/signals.ts'
import { endWithoutNewline } from './token-store.ts'

/** Bytes of a secret at least: 256 bits, as RFC 7518 3.2 asks of an HS256 key. */
const SECRET_MINIMUM_BYTES = 32

/** Reads the shared secret of HS256 and its kin; one newline at the end is not part of it. */
export async function loadJwtSecret(path: string): Promise<Uint8Array> {
  const bytes = await readSmallFile(path, 'the JWT secret file')
  const secret = new Uint8Array(bytes.subarray(0, endWithoutNewline(bytes.toString('latin1'))))
  if (secret.length >= SECRET_MINIMUM_BYTES) return secret
  throw new StartError(
    `the JWT secret file ${path} holds ${secret.length} bytes; accepted are ${SECRET_MINIMUM_BYTES} or more`,
  )
}

/** Reads a key set from a file; the verifier judges whether its keys are usable. */
export async function loadJwks(path: string): Promise<JSONWebKeySet> {
  const bytes = await readSmallFile(path, 'the JWKS file')
  const value = parsed(bytes.toString('utf8'))
  if (typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys)) {
    return { keys: value.keys }
  }
  throw new StartError(`the JWKS file ${path} is not a JSON Web Key Set: accepted is {"keys": [...]}`)
}

/** Parses JSON with an error of our own: the parser's message would quote the file. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
