// `token show|rotate|verify`. The result alone goes to stdout, so that it can be piped; a token to verify comes by
// stdin, never as an argument, which every user of the machine can read. All three use files only: a running daemon
// notices their changes.

import { existsSync, constants } from 'node:fs'
import type { Readable } from 'node:stream'
import { isatty } from 'node:tty'
import { digestOf, rawTokenCheck } from '../transports/credentials/credentials.ts'
import { StartError } from '../base/signals.ts'
import {
  loadToken,
  rotateToken,
  type TokenSources,
  acceptToken,
  placeOf,
  readSeed,
  stands,
  type Seed,
} from '../config/token-store.ts'
import { lstat, stat } from 'node:fs/promises'
import { attempt, openRegular, ourselves } from '../base/private-file.ts'

/** Path of the unit's StateDirectory= (runtime.service): a shell does not have it in its environment. */
const SERVICE_STATE = '/var/lib/workspace-runtime'
/** Characters of the longest credential (transports/credentials). */
const LONGEST = 16 * 1024

export interface Console {
  readonly input: Readable
  readonly print: (text: string) => void
  /** Writes a text for people to stderr. */
  readonly tell: (text: string) => void
}

/** Resolves with the exit code. */
export async function tokenCommand(words: readonly string[], sources: TokenSources, console: Console): Promise<number> {
  const [verb] = words
  const known = verb === 'show' || verb === 'rotate' || verb === 'verify'
  if (!known || words.length > 1) {
    const asked = ['token', ...words].slice(0, 2).join(' ') // the word after a verb may be a token
    throw new StartError(
      known
        ? `${asked} takes no argument${verb === 'verify' ? '; it reads the token from stdin' : ''}`
        : `there is no command ${JSON.stringify(asked)}; there are: token show, token rotate, token verify`,
    )
  }
  tellOfService(sources, console)
  if (verb === 'verify') return await verify(sources, console)
  if (verb === 'show') {
    console.print(`${(await loadToken(sources)).token}\n`)
    return 0
  }
  const { token, path } = await rotateToken(sources)
  console.print(`${token}\n`)
  console.tell(
    `kept in ${path}; a daemon that uses this file takes it over within 2 s and closes what the old one opened`,
  )
  return 0
}

/** Tells of the service's token: the likeliest mistake here is to take another token for it. */
function tellOfService({ stateDirectory, fromEnvironment, file }: TokenSources, { tell }: Console): void {
  const own = fromEnvironment === undefined && file === undefined
  if (!own || stateDirectory === SERVICE_STATE || !existsSync(`${SERVICE_STATE}/token`)) return
  tell(`this is about ${stateDirectory}; for the token of the service set STATE_DIRECTORY=${SERVICE_STATE}`)
}

/** Resolves with 0 if it is the token; 1 if it is not, or there is none. */
async function verify(sources: TokenSources, { input, print, tell }: Console): Promise<number> {
  if ('fd' in input && input.fd === 0 && isatty(0)) tell('type or paste the token, then press Enter')
  const candidate = await firstLine(input)
  const { token, problems } = await checkToken(sources)
  for (const problem of problems) tell(problem)
  const valid = token !== undefined && rawTokenCheck(token)(digestOf(candidate))
  print(valid ? 'valid\n' : 'invalid\n')
  return valid ? 0 : 1
}

async function firstLine(input: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (chunk.includes(10) || size > LONGEST) break
  }
  const line = Buffer.concat(chunks).toString('latin1').split('\n', 1)[0] ?? ''
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

/**
 * The token that a daemon would serve now, and the faults of its files: the other users that could read or replace
 * them. The check changes nothing; a start would close them to others by itself, or refuse them.
 */
export interface TokenCheck {
  /** Undefined: a daemon would not start, or would make one first. */
  readonly token: string | undefined
  /** Sentences for people, each with advice. */
  readonly problems: readonly string[]
}

export async function checkToken(sources: TokenSources): Promise<TokenCheck> {
  const problems: string[] = []
  try {
    return { token: await tokenNow(sources, problems), problems }
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    return { token: undefined, problems: [...problems, error.message] }
  }
}

async function tokenNow(sources: TokenSources, problems: string[]): Promise<string | undefined> {
  const { fromEnvironment } = sources
  if (fromEnvironment !== undefined) return acceptToken(fromEnvironment, 'the token in RUNTIME_TOKEN')
  const place = placeOf(sources)
  const seed = await readSeed(sources)
  if (seed !== undefined) problems.push(...(await openSeed(seed)))
  problems.push(...(await openDirectory(place.directory)))
  const [facts] = await attempt(async () => await lstat(place.token))
  if (facts?.isFile() === true) {
    problems.push(...openTo(place.token, facts.mode, 0o077, 'chmod 600'), ...notOurs(place.token, facts.uid))
  }
  await using file = await openRegular(place.token, constants.O_NOFOLLOW, 'the token file')
  if (file !== undefined && (await stands(place, seed))) {
    return acceptToken(await file.readFile('latin1'), `the token file ${place.token}`)
  }
  if (seed === undefined) problems.push(`no token is kept in ${place.directory} yet; the daemon makes one at its start`)
  return seed?.token
}

/** Returns the faults of a seed's permissions: the mounter may open it to a group, but not to all users. */
async function openSeed({ path }: Seed): Promise<readonly string[]> {
  return openTo(path, (await stat(path)).mode, 0o027, 'chmod 600')
}

async function openDirectory(path: string): Promise<readonly string[]> {
  const [facts] = await attempt(async () => await stat(path))
  if (facts === undefined) return []
  return [...openTo(path, facts.mode, 0o022, 'chmod 700'), ...notOurs(path, facts.uid)]
}

function openTo(path: string, mode: number, forbidden: number, remedy: string): readonly string[] {
  const shown = (mode & 0o7777).toString(8).padStart(4, '0')
  return (mode & forbidden) === 0 ? [] : [`${path} is open to other users (mode ${shown}): ${remedy} ${path}`]
}

function notOurs(path: string, uid: number): readonly string[] {
  return uid === ourselves() || uid === 0 ? [] : [`${path} belongs to user ${uid}; give it to the daemon's user`]
}
