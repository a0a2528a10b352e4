// The raw token (configuration.md#tokens). A token from the environment is used unchanged. Otherwise the live token is
// a file of the state directory that its owner alone may read: made there, or taken from a seed, which is a configured
// file or the service manager's credential. A mark of the seed that was taken last is kept: a seed with another content
// is taken over; until then the live token stays, as `rotate` may have left it. Every failure is a StartError of one
// line that never repeats the content of a file.

import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { join, resolve } from 'node:path'
import { freshRandom } from '../base/fresh-random.ts'
import {
  createWhole,
  narrow,
  openRegular,
  ourselves,
  ownDirectory,
  readSmallFile,
  replaceWhole,
} from '../base/private-file.ts'
import { StartError } from '../base/signals.ts'

/** Characters of a token at least; a shorter one ends the start. */
const TOKEN_MINIMUM = 32
/** Node takes 16 KiB of request headers in all, so a longer token could never be presented. */
const TOKEN_MAXIMUM = 8 * 1024
/** Random bytes of a new token: 256 bits. */
const TOKEN_BYTES = 32
/** Advice if no token can be stored. */
const WAYS = 'give one with --token-file or RUNTIME_TOKEN, or a writable XDG_STATE_HOME'

export interface TokenSources {
  readonly fromEnvironment?: string | undefined
  /** Path of the configured seed. */
  readonly file?: string | undefined
  /** Path of a seed that may exist; read if no seed is configured. */
  readonly credential?: string | undefined
  readonly stateDirectory: string
}

/** Returns the sources that the configuration names. */
export function tokenSources(config: {
  readonly token: string | undefined
  readonly tokenFile: string | undefined
  readonly tokenSeed: string | undefined
  readonly stateDirectory: string
}): TokenSources {
  const { token: fromEnvironment, tokenFile: file, tokenSeed: credential, stateDirectory } = config
  return { fromEnvironment, file, credential, stateDirectory }
}

export interface LoadedToken {
  readonly token: string
  /** `seed`: the token is served from the seed, since nothing can be written to the state directory. */
  readonly source: 'environment' | 'state' | 'seed'
  readonly path: string | undefined
  /** True if this call made the token. */
  readonly created: boolean
}

/** Paths of the live token, and of the mark of the seed that was taken over last. */
export interface TokenPlace {
  readonly directory: string
  readonly token: string
  readonly mark: string
}

export interface Seed {
  readonly token: string
  readonly path: string
  readonly mark: string
}

/**
 * Returns the paths. Each configured seed has a separate live token: daemons of one user that are given different files
 * must not take each other's token. Told apart by the path as given, since files of Kubernetes are links that change.
 */
export function placeOf({ file, stateDirectory: directory }: TokenSources): TokenPlace {
  const name = file === undefined ? 'token' : `token-${hash('sha256', resolve(file)).slice(0, 16)}`
  return { directory, token: join(directory, name), mark: join(directory, `${name}.seed`) }
}

/** Loads the token. The environment wins over a file; a caller that wants the file leaves the environment out. */
export async function loadToken(sources: TokenSources): Promise<LoadedToken> {
  return await settle(sources, 'start')
}

/** Returns the current token for a serving daemon; if the live file is gone, it makes and restores none. */
export async function reloadToken(sources: TokenSources): Promise<LoadedToken> {
  return await settle(sources, 'reload')
}

async function settle(sources: TokenSources, occasion: 'start' | 'reload'): Promise<LoadedToken> {
  const { fromEnvironment } = sources
  if (fromEnvironment !== undefined) return environmentToken(fromEnvironment)
  const [place, seed] = [placeOf(sources), await readSeed(sources)]
  const failure = await ownDirectory(place.directory)
  if (failure !== undefined) return seed === undefined ? noPlace(place, failure) : servedAsItIs(seed)
  const kept = await readKept(place.token)
  if (await stands(place, seed)) {
    if (kept !== undefined) return keptToken(place, kept)
    if (occasion === 'reload') throw new StartError(`the token file ${place.token} is gone`)
  }
  return seed === undefined ? await makeToken(place) : await takeOver(place, seed, kept)
}

/** Replaces the live token by a new one and returns it; from then on no other token is valid. */
export async function rotateToken(sources: TokenSources): Promise<{ readonly token: string; readonly path: string }> {
  if (sources.fromEnvironment !== undefined) {
    throw new StartError(
      'the token comes from RUNTIME_TOKEN, which the starter of the daemon sets: set another one and start the daemon again, or leave the variable out',
    )
  }
  const { directory, token: path } = placeOf(sources)
  if ((await readSeed(sources)) === undefined && (await readKept(path)) === undefined) {
    throw new StartError(
      `no token is kept in ${directory}, so there is none to rotate: start the daemon first, or name its state directory with STATE_DIRECTORY`,
    )
  }
  const unkept = (why: string) => new StartError(`the token cannot be changed, as none can be kept in ${why}`)
  // A new seed is taken over first: otherwise it would win over the new token at the next start.
  if ((await loadToken(sources)).source === 'seed') throw unkept(directory)
  const token = freshToken()
  const failure = await replaceWhole(path, `${token}\n`)
  if (failure !== undefined) throw unkept(`${directory}: ${failure}`)
  return { token, path }
}

/** Reads the configured seed, which must exist, or the credential, if there is one. */
export async function readSeed({ file, credential }: TokenSources): Promise<Seed | undefined> {
  const path = file ?? credential
  if (path === undefined) return undefined
  const name = file === undefined ? 'the credential' : 'the token file'
  if (file === undefined) {
    await using there = await openRegular(path, 0, name)
    if (there === undefined) return undefined
  }
  const token = acceptToken((await readSmallFile(path, name)).toString('latin1'), `${name} ${path}`)
  return { token, path, mark: hash('sha256', token) }
}

/** True if the existing live token is valid: the seed has not changed. */
export async function stands({ mark }: TokenPlace, seed: Seed | undefined): Promise<boolean> {
  if (seed === undefined) return true
  await using file = await openRegular(mark, constants.O_NOFOLLOW, 'the file')
  return file !== undefined && (await file.readFile('latin1')).trim() === seed.mark
}

/** Writes the token first, then the mark: if only the token gets written, the next start does the same again. */
async function takeOver(place: TokenPlace, seed: Seed, kept: string | undefined): Promise<LoadedToken> {
  const failure =
    (kept === seed.token ? undefined : await replaceWhole(place.token, `${seed.token}\n`)) ??
    (await replaceWhole(place.mark, `${seed.mark}\n`))
  return failure === undefined ? keptToken(place, seed.token) : servedAsItIs(seed)
}

async function makeToken(place: TokenPlace): Promise<LoadedToken> {
  const token = freshToken()
  const outcome = await createWhole(place.token, `${token}\n`)
  if (outcome === 'made') return { ...keptToken(place, token), created: true }
  if (outcome !== 'there') return noPlace(place, outcome)
  // Another start was quicker: both serve the token that it made.
  const theirs = await readKept(place.token)
  if (theirs !== undefined) return keptToken(place, theirs)
  throw new StartError(`the token file ${place.token} vanished while the daemon started; start it again`)
}

function environmentToken(text: string): LoadedToken {
  const token = acceptToken(text, 'the token in RUNTIME_TOKEN')
  return { token, source: 'environment', path: undefined, created: false }
}

function keptToken({ token: path }: TokenPlace, token: string): LoadedToken {
  return { token, source: 'state', path, created: false }
}

/** Serves the seed's token: on a read-only root a mounted token is enough; only rotation needs a place. */
function servedAsItIs({ token, path }: Seed): LoadedToken {
  return { token, source: 'seed', path, created: false }
}

function noPlace({ directory }: TokenPlace, failure: string): never {
  throw new StartError(`no token is configured and none can be kept in ${directory}: ${failure}; ${WAYS}`)
}

function freshToken(): string {
  return freshRandom(TOKEN_BYTES).toString('hex')
}

/** Returns the live token; undefined: there is none. Follows no link: it could name any file. */
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

/** Returns the token that a file or variable holds. `name`: the file or variable, for people. */
export function acceptToken(text: string, name: string): string {
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

/** Returns the length without one newline at the end, which editors and `echo` add. */
export function endWithoutNewline(text: string): number {
  if (text.endsWith('\r\n')) return text.length - 2
  return text.endsWith('\n') ? text.length - 1 : text.length
}
