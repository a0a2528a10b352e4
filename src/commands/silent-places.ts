// The places on disk that the configuration names, each asked for a sign before anything reads it. A place on a file
// system that does not answer (NFS, FUSE, 9p …) would keep the daemon, or a command, from its start without end.

import { tmpdir } from 'node:os'
import { mayNotAnswer, PATIENCE_MS, silentMount } from '../workspace/files/mounts/first-look.ts'

/** The part of the configuration that is used here. */
export interface Configured {
  readonly stateDirectory: string
  readonly cacheDirectory: string
  readonly workdir: string
  readonly token: string | undefined
  readonly tokenFile: string | undefined
  readonly tokenSeed: string | undefined
  readonly file: {
    readonly jwt?: { readonly secret_file?: string | undefined; readonly jwks_file?: string | undefined } | undefined
  }
}

export interface NamedPlace {
  /** Name for people: `the state directory`. */
  readonly what: string
  readonly path: string
  /** Advice if it does not answer. */
  readonly todo: string
}

/** A place that has not answered in time. */
export interface SilentPlace extends NamedPlace {
  /** Sentence that tells the trouble, without advice. */
  readonly says: string
}

export function configPlace(path: string | undefined): readonly NamedPlace[] {
  return place('the configuration file', path, 'name another one with --config')
}

export function cachePlace({ cacheDirectory }: Configured): readonly NamedPlace[] {
  return place('the cache directory', cacheDirectory, 'name another one with CACHE_DIRECTORY or XDG_CACHE_HOME')
}

/** Places that a start reads or writes and cannot do without. */
export function neededPlaces(config: Configured): readonly NamedPlace[] {
  const { jwt } = config.file
  const ownToken = config.token === undefined
  return [
    ...place('the state directory', config.stateDirectory, 'name another one with STATE_DIRECTORY or XDG_STATE_HOME'),
    ...place('the token file', ownToken ? config.tokenFile : undefined, 'name another one with --token-file'),
    ...place('the credential', ownToken ? config.tokenSeed : undefined, 'leave out CREDENTIALS_DIRECTORY'),
    ...place('the file of jwt.secret_file', jwt?.secret_file, 'move it to a disk of this machine'),
    ...place('the file of jwt.jwks_file', jwt?.jwks_file, 'move it to a disk of this machine'),
  ]
}

export function usedPlaces({ workdir }: Configured): readonly NamedPlace[] {
  return [
    ...workdirPlace(workdir),
    ...place('the directory of temporary files', tmpdir(), 'name another one with TMPDIR'),
  ]
}

export function workdirPlace(workdir: string): readonly NamedPlace[] {
  return place('the working directory', workdir, 'name another one with --workdir')
}

function place(what: string, path: string | undefined, todo: string): readonly NamedPlace[] {
  return path === undefined ? [] : [{ what, path, todo }]
}

/** Asks all places at once, so this takes as long as the slowest of them, and no longer than the limit. */
export async function silentAmong(places: readonly NamedPlace[]): Promise<readonly SilentPlace[]> {
  const asked = places.map(async (one) => {
    const mount = await silentMount(one.path)
    if (mount === undefined) return []
    const [where, seconds] = [JSON.stringify(mount), PATIENCE_MS / 1000]
    const says = `${one.what} ${one.path} is on the file system mounted at ${where}, which did not answer within ${seconds} s`
    return [{ ...one, says }]
  })
  return (await Promise.all(asked)).flat()
}

/** Returns a directory for temporary files on a local disk; undefined: there is none. */
export function localTemporary(): string | undefined {
  return [tmpdir(), '/tmp', '/var/tmp', '/dev/shm'].find((path) => !mayNotAnswer(path))
}
