// The daemon's *own ground*: its state and cache directories, the files that hold its secrets and configuration, and
// its own entry in /proc. A caller who reads there has the token, and one who writes there can run code, so callers
// that are not allowed everything are kept out. What was opened is recognised by its place in its file system (device
// and path there, so that bind mounts make no difference), by the identity of the directories above it (a file system
// that folds case), and, if a file has several names, by the identity of our files.

import { fstat, type BigIntStats } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { bytesOfText } from '../../../base/bytes-text.ts'
import { Fault, quote } from '../../../base/fault.ts'
import { parseMounts, type Mount } from '../../../base/mountinfo.ts'
import { entryOfOpened, MOST_LINKS, mountIdOfOpened, pathOfOpened } from '../../../base/opened-path.ts'
import { lstat, readlink, realpath, stat } from '../../../base/path-calls.ts'
import { devicePathOn, isWithin, mountOf, pathsOf, type DevicePath } from '../mounts/mount-table.ts'
import type { Access, LeftOut, Reach } from './access.ts'
import { kernelPath, openJudged, openPath } from './judged-open.ts'

export interface OwnPaths {
  /** Withheld with all that lies below them. */
  readonly directories: readonly string[]
  readonly files: readonly string[]
  /** Any process that has this in its environment has that environment withheld; undefined: there is no secret. */
  readonly secret?: string | undefined
}

/** Files below our directories whose identity is taken, to know further names of them; we keep a few dozen. */
const MOST_FILES = 10_000

/** The own ground as it is now. */
interface OwnGround {
  readonly mounts: readonly Mount[]
  readonly places: readonly DevicePath[]
  /** `dev:ino` of the directories and files themselves. */
  readonly ids: ReadonlySet<string>
  /** Every path that leads to them, latin1, our entries in /proc among them; and the configured paths. */
  readonly paths: readonly string[]
}

/** Returns the access of callers that are not allowed everything. */
export function withoutOwnGround(own: OwnPaths): Access {
  const judge = async (fd: number, path: string, reach: Reach = 'itself'): Promise<void> => {
    const ground = await look(own)
    if (await isOwn(fd, ground, own)) throw refused(path)
    if (reach === 'tree' && holdsOwn(kernelPath(fd, 'latin1'), ground)) throw refused(path)
  }
  return {
    everything: false,
    judge,
    async judgeEntry(parent, name, path, reach = 'tree') {
      await judge(parent, path)
      const ground = await look(own)
      const at = join(kernelPath(parent, 'latin1'), bytesOf(name).toString('latin1'))
      const mount = mountOf(ground.mounts, at)
      if (mount === undefined || isPlaced(devicePathOn(mount, at), ground)) throw refused(path)
      if (reach === 'tree' && holdsOwn(at, ground)) throw refused(path)
      await using entry = await openPath(entryOfOpened(parent, name), true).catch(() => undefined)
      if (entry !== undefined) await judge(entry.fd, path, reach)
    },
    async open(path, keepLink = false) {
      const ground = await look(own)
      const each = async (fd: number): Promise<void> => {
        if (await isOwn(fd, ground, own)) throw refused(path)
      }
      return await openJudged(path, keepLink, { judge: each, ofProcess })
    },
    leftOut: async () => await leftOut(await look(own), own),
  }
}

function bytesOf(name: string | Buffer): Buffer {
  return typeof name === 'string' ? bytesOfText(name) : name
}

function refused(path: string): Fault {
  const sentence = `path ${quote(path)} is one of the daemon's own files (state, cache, secrets, its process) or holds some; accepted is a credential without limited scopes`
  return new Fault('forbidden', sentence, { details: { field: 'path', got: path } })
}

async function isOwn(fd: number, ground: OwnGround, own: OwnPaths): Promise<boolean> {
  const opened = mountOfOpened(fd, ground.mounts)
  // Nothing can be told of a mount that we do not see (another process's view, a pipe).
  if (opened === undefined) return true
  const { mount, path } = opened
  const place = devicePathOn(mount, path)
  if (mount.type === 'proc') {
    return (await isOwnProcess(place, ground.mounts)) || (await holdsSecret(fd, place, own.secret))
  }
  if (isPlaced(place, ground)) return true
  const stats = await statOpened(fd)
  if (ground.ids.has(idOf(stats))) return true
  if ((await idsAbove(path)).some((id) => ground.ids.has(id))) return true
  return stats.isFile() && stats.nlink > 1n && (await idsOfFiles(own)).has(idOf(stats))
}

/** Returns the mount that the kernel says, not the one that the path suggests. */
function mountOfOpened(fd: number, mounts: readonly Mount[]): { mount: Mount; path: string } | undefined {
  try {
    const id = mountIdOfOpened(fd)
    const mount = mounts.find((one) => one.id === id)
    return mount === undefined ? undefined : { mount, path: kernelPath(fd, 'latin1') }
  } catch {
    return undefined // /proc is not mounted
  }
}

const statOpened: (fd: number) => Promise<BigIntStats> = (
  (asked) => (fd: number) =>
    asked(fd, { bigint: true })
)(promisify(fstat))

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

function isPlaced({ device, path }: DevicePath, { places }: OwnGround): boolean {
  return places.some((place) => place.device === device && isWithin(path, place.path))
}

function holdsOwn(path: string, { paths }: OwnGround): boolean {
  return paths.some((own) => isWithin(own, path))
}

/**
 * Resolves with the identities of the directories above: a file system that folds case has one directory under several
 * names.
 */
async function idsAbove(path: string): Promise<string[]> {
  const above: string[] = []
  for (let at = dirname(path); at !== '/' && at !== '.'; at = dirname(at)) above.push(at)
  const found = await Promise.all(above.map((at) => lstat(Buffer.from(at, 'latin1'), BIG).catch(() => undefined)))
  return found.flatMap((stats) => (stats === undefined ? [] : [idOf(stats)]))
}

const BIG = { bigint: true } as const

/**
 * True if the place in a /proc belongs to this process or a thread of it. Every /proc numbers processes as its own
 * namespace does; its `self` says which number is ours.
 */
async function isOwnProcess({ device, path }: DevicePath, mounts: readonly Mount[]): Promise<boolean> {
  const process = /^\/(\d+)(?:\/|$)/.exec(path)?.[1]
  if (process === undefined) return false
  const whole = mounts.find((mount) => mount.device === device && mount.type === 'proc' && mount.root === '/')
  if (whole === undefined) return true
  const self = await readlink(`${whole.point}/self`).catch(() => undefined)
  if (self === undefined || self === process) return self === process
  return await stat(`${whole.point}/self/task/${process}`).then(
    () => true,
    () => false,
  )
}

/**
 * True if the place is an environment with the token in it: a process that started us, or was started beside us, may
 * have one.
 */
async function holdsSecret(fd: number, { path }: DevicePath, secret: string | undefined): Promise<boolean> {
  if (secret === undefined || !/^\/\d+(?:\/task\/\d+)?\/environ$/.test(path)) return false
  const environment = await readFile(pathOfOpened(fd), 'latin1').catch(() => '')
  return environment.includes(Buffer.from(secret).toString('latin1'))
}

/** True if links in the open directory are those of a process. */
async function ofProcess(directory: number): Promise<boolean> {
  const opened = mountOfOpened(directory, await mountsNow())
  return opened?.mount.type === 'proc' && /^\/\d+/.test(devicePathOn(opened.mount, opened.path).path)
}

async function mountsNow(): Promise<Mount[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'latin1').catch(() => ''))
}

async function look(own: OwnPaths): Promise<OwnGround> {
  const mounts = await mountsNow()
  const configured = [...own.directories, ...own.files].map((path) => resolve(path))
  const named = (await Promise.all(configured.map(namesOf))).flat()
  const names = named.map((path) => bytesOfText(path).toString('latin1'))
  const places = names.flatMap((path) => {
    const mount = mountOf(mounts, path)
    return mount === undefined ? [] : [devicePathOn(mount, path)]
  })
  const found = await Promise.all(configured.map((path) => stat(path, BIG).catch(() => undefined)))
  const ids = new Set(found.flatMap((stats) => (stats === undefined ? [] : [idOf(stats)])))
  const visible = places.flatMap((place) => pathsOf(mounts, place))
  const processes = await processPaths(mounts)
  return { mounts, places, ids, paths: [...new Set([...visible, ...processes, ...configured])] }
}

/**
 * Resolves with the place that a configured path leads to, and with the way to each link that it goes through, one
 * after the other: replacing any of them changes what the path leads to.
 */
export async function namesOf(path: string): Promise<string[]> {
  if ((await realpath(path).catch(() => undefined)) === path) return [path]
  const names: string[] = []
  const ahead = path.split('/')
  let at = '/'
  for (let step = ahead.shift(); step !== undefined; step = ahead.shift()) {
    const here = join(at, step)
    const to = names.length < MOST_LINKS ? await readlink(here).catch(() => undefined) : undefined
    if (to === undefined) {
      at = here
      continue
    }
    names.push(join(here, ...ahead))
    ahead.unshift(...to.split('/'))
    if (to.startsWith('/')) at = '/'
  }
  return [...names, at]
}

async function processPaths(mounts: readonly Mount[]): Promise<string[]> {
  const kernel = mounts.filter(({ type }) => type === 'proc')
  const found = await Promise.all(
    kernel.map(async (mount) => {
      if (mount.root !== '/') return (await isOwnProcess(devicePathOn(mount, mount.point), mounts)) ? [mount.point] : []
      const self = await readlink(`${mount.point}/self`).catch(() => undefined)
      return self === undefined ? [] : [join(mount.point, self)]
    }),
  )
  return found.flat()
}

/** Resolves with the identities of the configured files and of every file below our directories. */
async function idsOfFiles({ directories, files }: OwnPaths): Promise<Set<string>> {
  const ids = new Set<string>()
  const add = async (path: string): Promise<void> => {
    const stats = await stat(path, BIG).catch(() => undefined)
    if (stats !== undefined) ids.add(idOf(stats))
  }
  for (const file of files) await add(file)
  for (const directory of directories) {
    const below = await readdir(directory, { recursive: true }).catch((): string[] => [])
    for (const name of below.slice(0, MOST_FILES)) await add(join(directory, name))
  }
  return ids
}

async function leftOut({ paths }: OwnGround, own: OwnPaths): Promise<LeftOut> {
  const ids = await idsOfFiles(own)
  const found = await Promise.all(paths.map((path) => stat(Buffer.from(path, 'latin1'), BIG).catch(() => undefined)))
  for (const stats of found) if (stats !== undefined) ids.add(idOf(stats))
  return { ids, paths }
}
