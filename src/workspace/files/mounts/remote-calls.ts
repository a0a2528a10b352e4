// Calls into file systems that ask another machine or program (NFS, FUSE, 9p …) and may wait for it for ever. Node's
// file calls share a few threads; such calls get half of them at most, and those into one mount a quarter, so that one
// which does not answer keeps no client from the files elsewhere. A caller waits for a limit of time; the thread cannot
// be called back, and keeps its place until the mount answers. What belongs to a mount is told by the path and the
// links in it, read up to the mount point: looking at the file itself would be such a call.

import type { FileHandle } from 'node:fs/promises'
import { Fault, quote } from '../../../base/fault.ts'
import { mountBehind } from './mount-table.ts'
import { remoteMountsNow } from './mounts.ts'

/** Half of the threads (config.ts). */
const MOST_AT_ONCE = 8
/** Into one mount. */
const MOST_OF_ONE = 4
const MOST_WAITING = 256
/** For one mount, so that those for another find room. */
const MOST_WAITING_OF_ONE = 128
/** A caller waits so long for place and answer: most mounts that answer at all have by then. */
const PATIENCE_MS = 10_000
const RETRY_AFTER_S = 5

/** The calls into one mount. */
interface Line {
  readonly mount: string
  running: number
  waiting: number
  /** Running calls whose callers have left. */
  overdue: number
}

const lines = new Map<string, Line>()
/** Oldest first. */
const waiting: { readonly line: Line; readonly go: () => void }[] = []
let running = 0

/**
 * The result of `call`, once there is room for it where `path` lies on such a mount. Throws `timeout` at the limit of
 * time; `late` is then told what the call has come to all the same. Throws `unavailable` where it was not made.
 */
export async function remoteCall<T>(path: string, call: () => Promise<T>, late?: (value: T) => void): Promise<T> {
  const mount = mountOf(path)
  if (mount === undefined) return await call()
  const line = lines.get(mount) ?? { mount, running: 0, waiting: 0, overdue: 0 }
  lines.set(mount, line)
  const { promise: passed, resolve } = Promise.withResolvers<typeof PASSED>()
  const timer = setTimeout(resolve, PATIENCE_MS, PASSED)
  try {
    if (!hasRoom(line)) await turn(line, path, passed)
    else occupy(line)
    return await answered(line, path, { call, passed, late })
  } finally {
    clearTimeout(timer)
  }
}

const PASSED = Symbol('the time has passed')

interface Made<T> {
  readonly call: () => Promise<T>
  readonly passed: Promise<typeof PASSED>
  readonly late: ((value: T) => void) | undefined
}

async function answered<T>(line: Line, path: string, { call, passed, late }: Made<T>): Promise<T> {
  let left = false
  const back = (): void => {
    if (left) line.overdue--
    leave(line)
  }
  const working = call()
  working.then(
    (value) => {
      back()
      if (left) late?.(value)
    },
    () => back(),
  )
  const first = await Promise.race([working, passed])
  if (first !== PASSED) return first
  left = true
  line.overdue++
  const sentence =
    `path ${quote(path)}: the file system mounted at ${quote(line.mount)} did not answer within ${PATIENCE_MS / 1000} s; ` +
    'what was asked of it may still happen when it answers'
  throw new Fault('timeout', sentence, { details: { path, mount: line.mount, limit_seconds: PATIENCE_MS / 1000 } })
}

function hasRoom(line: Line): boolean {
  return running < MOST_AT_ONCE && line.running < MOST_OF_ONE
}

function occupy(line: Line): void {
  running++
  line.running++
}

/** The place goes to the oldest that may have it. */
function leave(line: Line): void {
  running--
  line.running--
  const next = waiting.findIndex((one) => hasRoom(one.line))
  if (next !== -1) waiting.splice(next, 1)[0]?.go()
  if (line.running === 0 && line.waiting === 0) lines.delete(line.mount)
}

/** A place, waited for behind others; not where all that could give one up do not answer. */
async function turn(line: Line, path: string, passed: Promise<typeof PASSED>): Promise<void> {
  const overdue = [...lines.values()].reduce((sum, one) => sum + one.overdue, 0)
  if (line.overdue >= MOST_OF_ONE || overdue >= MOST_AT_ONCE) throw crowded(line, path, overdue)
  if (waiting.length >= MOST_WAITING || line.waiting >= MOST_WAITING_OF_ONE) throw crowded(line, path, line.waiting)
  const { promise: free, resolve } = Promise.withResolvers<void>()
  const mine = {
    line,
    go: () => {
      occupy(line)
      resolve()
    },
  }
  waiting.push(mine)
  line.waiting++
  const first = await Promise.race([free, passed])
  line.waiting--
  if (first !== PASSED) return
  const at = waiting.indexOf(mine)
  if (at === -1) return // it has just got its place
  waiting.splice(at, 1)
  throw crowded(line, path, line.waiting + line.running)
}

function crowded({ mount }: Line, path: string, count: number): Fault {
  const sentence = `path ${quote(path)} is on the file system mounted at ${quote(mount)}, and ${count} earlier calls wait for file systems that do not answer`
  return new Fault('unavailable', sentence, { details: { path, mount }, retryAfter: RETRY_AFTER_S })
}

/** What of a handle asks the file system. */
const ASKING = [
  'read',
  'write',
  'readFile',
  'stat',
  'sync',
  'datasync',
  'truncate',
  'chmod',
  'chown',
  'utimes',
] as const

/** The handle, whose calls are such calls from now on where `path` lies on such a mount. */
export function heedful(handle: FileHandle, path: string): FileHandle {
  if (!isRemote(path)) return handle
  for (const name of ASKING) {
    const own: unknown = handle[name]
    if (typeof own !== 'function') continue
    const value = (...args: unknown[]) => remoteCall(path, () => Reflect.apply(own, handle, args) as Promise<unknown>) // the method's own
    Object.defineProperty(handle, name, { value })
  }
  const close = handle.close.bind(handle)
  // Closing may wait as well; it must come all the same, so nothing but its place is counted.
  Object.defineProperty(handle, 'close', { value: () => soon(path, close) })
  return handle
}

/** Closings that nobody waits for, one after the other for each mount: all of them together take one thread of it. */
const closings = new Map<string, Promise<void>>()

/** Ends with `close`, or at the limit of time without it; then it goes on behind. */
async function soon(path: string, close: () => Promise<void>): Promise<void> {
  const mount = mountOf(path) ?? ''
  if ((lines.get(mount)?.overdue ?? 0) > 0) return behind(mount, close)
  await remoteCall(path, close).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error
    if (error.code === 'unavailable') behind(mount, close)
  })
}

function behind(mount: string, close: () => Promise<void>): void {
  const last = (closings.get(mount) ?? Promise.resolve()).then(close).catch(() => undefined)
  closings.set(mount, last)
  void last.then(() => {
    if (closings.get(mount) === last) closings.delete(mount)
  })
}

/** Whether a walk that begins at `path` may come to such a mount. */
export function leadsToRemote(path: string): boolean {
  const below = path === '/' ? '/' : `${path}/`
  return [...remoteMountsNow()].some((mount) => mount.startsWith(below)) || isRemote(path)
}

/** Where the root itself is such a mount there is nothing elsewhere to be kept from. */
export function isRemote(path: string): boolean {
  return mountOf(path) !== undefined
}

/** The mount that `path` lies on, where it is such a one. */
export function mountOf(path: string): string | undefined {
  const mounts = remoteMountsNow()
  return mounts.size === 0 ? undefined : mountBehind(path, mounts)
}
