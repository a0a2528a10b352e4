// Content-Digest of a request (RFC 9530): what its bytes must add up to. Algorithms that are not known here are
// passed over, as that standard has it; a header that is none at all is refused, since somebody meant to be sure.

import { createHash } from 'node:crypto'
import { Fault, quote } from '../base/fault.ts'

/** Names in the header, and the length of such a digest in bytes. */
const ALGORITHMS: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  'sha-256': { name: 'sha256', bytes: 32 },
  'sha-512': { name: 'sha512', bytes: 64 },
}

/** One member of the dictionary: key, byte sequence, parameters (RFC 8941 3.2 and 3.3.5). */
const MEMBER = /^[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):[ \t]*(?:;[^,]*)?(?:,|$)/

/** Digests in base64 by algorithm, of those that can be checked. */
export type Digests = ReadonlyMap<string, string>

export function readDigests(header: string): Digests {
  const digests = new Map<string, string>()
  let rest = header
  while (rest.trim() !== '') {
    const [whole = '', algorithm = '', text = ''] = MEMBER.exec(rest) ?? []
    const bytes = Buffer.from(text, 'base64')
    const known = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined
    if (whole === '' || (known !== undefined && bytes.byteLength !== known.bytes)) throw malformed(header)
    if (known !== undefined) digests.set(algorithm, bytes.toString('base64'))
    rest = rest.slice(whole.length)
  }
  return digests
}

/** The chunks as they come; at their end fails with `bad_request` where they do not add up to `digests`. */
export async function* checked(chunks: AsyncIterable<Uint8Array>, digests: Digests): AsyncGenerator<Uint8Array> {
  const hashes = [...digests].map(([algorithm, expected]) => {
    return { algorithm, expected, hash: createHash(ALGORITHMS[algorithm]?.name ?? algorithm) }
  })
  for await (const chunk of chunks) {
    for (const { hash } of hashes) hash.update(chunk)
    yield chunk
  }
  for (const { algorithm, expected, hash } of hashes) {
    const actual = hash.digest('base64')
    if (actual !== expected) throw mismatch(algorithm, expected, actual)
  }
}

function mismatch(algorithm: string, expected: string, actual: string): Fault {
  return new Fault(
    'bad_request',
    `the body has the ${algorithm} digest ${actual}, Content-Digest says ${expected}: it changed on its way; nothing was written`,
    { details: { field: 'Content-Digest', algorithm, expected, actual } },
  )
}

function malformed(header: string): Fault {
  return new Fault(
    'bad_request',
    `Content-Digest is ${quote(header)}; accepted is sha-256=:<base64>: or sha-512=:<base64>:`,
    { details: { field: 'Content-Digest', got: header.slice(0, 200) } },
  )
}
