// Where secrets come from at the start: the raw token from the environment, a file or the state directory,
// where one is made if none is configured (contract 15.4); the JWT secret and the key set from their files.
// Whatever is wrong is a StartError of one line that never repeats what was read.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, link, mkdir, open, stat, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { JSONWebKeySet } from 'jose'
import { errnoOf } from './fault.ts'
import { StartError } from './start-error.ts'

/** Contract 15.4: a shorter token ends the start. */
const TOKEN_MINIMUM = 32
/** Node takes 16 KiB of request headers in all, so a longer token could never be presented. */
const TOKEN_MAXIMUM = 8 * 1024
/** 256 bits, as RFC 7518 3.2 asks of an HS256 key. */
const SECRET_MINIMUM_BYTES = 32
/** Largest secret or key set file; the same cap as for a fetched key set (reliability A-07). */
const FILE_MAXIMUM_BYTES = 256 * 1024
const TOKEN_NAME = 'token'
/** What an operator can do where no token can be kept. */
const WAYS = 'give one with --token-file or RUNTIME_TOKEN, or a writable XDG_STATE_HOME'

export interface LoadedToken {
  readonly token: string
  readonly source: 'environment' | 'file' | 'state'
  readonly path: string | undefined
  /** True where this start made the token. */
  readonly created: boolean
}

export interface TokenSources {
  readonly fromEnvironment?: string | undefined
  readonly file?: string | undefined
  /** A file that may be there: what it holds is kept as the token where none is kept yet. */
  readonly seed?: string | undefined
  readonly stateDirectory: string
}

/** The raw token. Where both are given the environment wins; whoever calls settles precedence by leaving one out. */
export async function loadToken(sources: TokenSources): Promise<LoadedToken> {
  const { fromEnvironment, file, stateDirectory } = sources
  if (fromEnvironment !== undefined) {
    const token = acceptToken(fromEnvironment, 'the token in RUNTIME_TOKEN')
    return { token, source: 'environment', path: undefined, created: false }
  }
  if (file !== undefined) {
    const token = acceptToken(
      (await readSmallFile(file, 'the token file')).toString('latin1'),
      `the token file ${file}`,
    )
    return { token, source: 'file', path: file, created: false }
  }
  return await keptToken(stateDirectory, sources.seed)
}

/** The shared secret of HS256 and its kin; one newline at the end is not part of it. */
export async function loadJwtSecret(path: string): Promise<Uint8Array> {
  const bytes = await readSmallFile(path, 'the JWT secret file')
  const secret = new Uint8Array(bytes.subarray(0, endWithoutNewline(bytes.toString('latin1'))))
  if (secret.length >= SECRET_MINIMUM_BYTES) return secret
  throw new StartError(
    `the JWT secret file ${path} holds ${secret.length} bytes; accepted are ${SECRET_MINIMUM_BYTES} or more`,
  )
}

/** A key set as a file gives it; whether its keys are usable is judged where they are used. */
export async function loadJwks(path: string): Promise<JSONWebKeySet> {
  const bytes = await readSmallFile(path, 'the JWKS file')
  const value = parsed(bytes.toString('utf8'))
  if (typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys)) {
    return { keys: value.keys }
  }
  throw new StartError(`the JWKS file ${path} is not a JSON Web Key Set: accepted is {"keys": [...]}`)
}

/** The parser's own message would quote the file. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function acceptToken(text: string, name: string): string {
  const token = text.slice(0, endWithoutNewline(text))
  if (token.trim() === '') throw new StartError(`${name} is empty; accepted are ${TOKEN_MINIMUM} characters or more`)
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new StartError(`${name} holds a space or another character that no Authorization header can carry`)
  }
  if (token.length < TOKEN_MINIMUM || token.length > TOKEN_MAXIMUM) {
    throw new StartError(
      `${name} is ${token.length} characters long; accepted are ${TOKEN_MINIMUM} to ${TOKEN_MAXIMUM}`,
    )
  }
  return token
}

/** Editors and `echo` end a file with a newline; exactly one is dropped. */
function endWithoutNewline(text: string): number {
  if (text.endsWith('\r\n')) return text.length - 2
  return text.endsWith('\n') ? text.length - 1 : text.length
}

async function keptToken(directory: string, seed: string | undefined): Promise<LoadedToken> {
  const path = join(directory, TOKEN_NAME)
  const state = { source: 'state', path } as const
  await ownDirectory(directory)
  const kept = await readKept(path)
  if (kept !== undefined) return { ...state, token: kept, created: false }
  const seeded = await seededToken(seed)
  const token = seeded ?? randomBytes(32).toString('hex')
  if (await createWhole(directory, path, `${token}\n`)) return { ...state, token, created: seeded === undefined }
  // Another start was quicker: both serve the token it made.
  const theirs = await readKept(path)
  if (theirs !== undefined) return { ...state, token: theirs, created: false }
  throw new StartError(`the token file ${path} vanished while the daemon started; start it again`)
}

/** The token to begin with; undefined where there is none. */
async function seededToken(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  await using file = await openRegular(path, 0, 'the credential')
  return file && acceptToken((await file.readFile()).toString('latin1'), `the credential ${path}`)
}

/** Makes the state directory; refuses one in which another user could replace the token. */
async function ownDirectory(directory: string): Promise<void> {
  const [facts, failure] = await attempt(async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    return await stat(directory)
  })
  if (facts === undefined) {
    throw new StartError(`no token is configured and none can be kept in ${directory}: ${failure}; ${WAYS}`)
  }
  if (facts.uid !== ourselves() && facts.uid !== 0) {
    throw new StartError(`the state directory ${directory} belongs to user ${facts.uid}, not to this daemon's user`)
  }
  if (facts.uid === ourselves() && (facts.mode & 0o022) !== 0) await narrow(directory, () => chmod(directory, 0o700))
}

/** Takes everyone else's rights away, as they should never have had them. */
async function narrow(path: string, change: () => Promise<void>): Promise<void> {
  const [, failure] = await attempt(change)
  if (failure !== undefined)
    throw new StartError(`${path} is open to other users and cannot be closed to them: ${failure}`)
}

/** The token of an earlier start; undefined: there is none. A link is not followed: it could name anything. */
async function readKept(path: string): Promise<string | undefined> {
  await using file = await openRegular(path, constants.O_NOFOLLOW, 'the token file')
  if (file === undefined) return undefined
  const facts = await file.stat()
  if (facts.uid !== ourselves()) {
    throw new StartError(`the token file ${path} belongs to user ${facts.uid}, not to this daemon's user; remove it`)
  }
  if ((facts.mode & 0o077) !== 0) await narrow(path, () => file.chmod(0o600))
  return acceptToken((await file.readFile()).toString('latin1'), `the token file ${path}`)
}

/**
 * Creates `path` with its whole content or not at all: two starts at once agree, and a crash leaves no half
 * token. False: it exists already.
 */
async function createWhole(directory: string, path: string, content: string): Promise<boolean> {
  const draft = join(directory, `.${TOKEN_NAME}.${randomBytes(8).toString('hex')}~`)
  const [, failure] = await attempt(async () => await writeNew(draft, content))
  if (failure !== undefined) {
    throw new StartError(`no token is configured and none can be kept in ${directory}: ${failure}; ${WAYS}`)
  }
  const [, refused] = await attempt(async () => await link(draft, path))
  await unlink(draft)
  if (refused === undefined || refused === 'EEXIST') return refused === undefined
  // No hard links here (FAT, some FUSE): exclusive creation is next best, though a reader may see it empty.
  const [, again] = await attempt(async () => await writeNew(path, content))
  if (again !== undefined && again !== 'EEXIST') throw new StartError(`the token file ${path} cannot be made: ${again}`)
  return again === undefined
}

async function writeNew(path: string, content: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  await file.writeFile(content)
  await file.sync()
}

async function readSmallFile(path: string, name: string): Promise<Buffer> {
  await using file = await openRegular(path, 0, name)
  if (file === undefined) throw new StartError(`${name} ${path} cannot be read: ENOENT`)
  const [bytes, failure] = await attempt(async () => await file.readFile())
  if (bytes === undefined) throw new StartError(`${name} ${path} cannot be read: ${failure}`)
  return bytes
}

/** Opens a regular file of bearable size; undefined: there is none. Non-blocking, so that a FIFO cannot hang the start. */
async function openRegular(path: string, flags: number, name: string): Promise<FileHandle | undefined> {
  const [file, failure] = await attempt(async () => await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags))
  if (failure === 'ENOENT') return undefined
  if (file === undefined) throw new StartError(`${name} ${path} cannot be read: ${failure}`)
  const facts = await file.stat()
  if (facts.isFile() && facts.size <= FILE_MAXIMUM_BYTES) return file
  await file.close()
  const what = facts.isFile() ? `is larger than ${FILE_MAXIMUM_BYTES} bytes` : 'is not a regular file'
  throw new StartError(`${name} ${path} ${what}`)
}

function ourselves(): number {
  return process.geteuid?.() ?? 0
}

/** The value, or the errno name of the system's refusal; anything else is a defect and is thrown on. */
async function attempt<T>(act: () => Promise<T>): Promise<[T, undefined] | [undefined, string]> {
  try {
    return [await act(), undefined]
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return [undefined, code]
  }
}
