// The token that a daemon would serve now, and what is wrong with the files it stands in: who else could read or
// replace them. Looks only; a start would close them to others by itself, or refuse them.

import { constants } from 'node:fs'
import { lstat, stat } from 'node:fs/promises'
import { attempt, openRegular, ourselves } from '../base/private-file.ts'
import { StartError } from '../base/signals.ts'
import { acceptToken, placeOf, readSeed, stands, type Seed, type TokenSources } from '../config/token-store.ts'

export interface TokenCheck {
  /** Undefined: a daemon would not start, or make one first. */
  readonly token: string | undefined
  /** Each a sentence for people, with what to do. */
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

/** Whoever mounts a seed may give it to a group; to all the world, nobody should. */
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
