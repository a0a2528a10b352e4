// Calls into remote file systems (remote-mounts.ts), which may never return. `remoteCall(path, call)` runs `call` at
// once where `path` lies on none. Otherwise the call waits for its turn: Node's file calls share a few threads, of
// which remote calls get half at most, and those into one mount a quarter, so that a mount which does not answer keeps
// no client from the files elsewhere. A caller waits for a limit of time; its thread cannot be called back and stays
// taken until the mount answers. The mount of a path is found by the links in it: looking at the file itself would be a
// remote call.

import type { FileHandle } from 'node:fs/promises'
import { Fault, quote } from '../../../base/fault.ts'
import { mountBehind } from './mount-table.ts'
import { remoteMountsNow } from './remote-mounts.ts'

/** Remote calls at once: half of the threads (config.ts). */
const MOST_AT_ONCE = 8
/** Calls at once into one mount. */
const MOST_OF_ONE = 4
const MOST_WAITING = 256
/** Waiting calls for one mount, so that calls for another find room. */
const MOST_WAITING_OF_ONE = 128
/** Time that a caller waits for turn and answer together: most mounts that answer at all have by then. */
const PATIENCE_MS = 10_000
const RETRY_AFTER_S = 5

const PASSED = Symbol('the time has passed')

/**
 * Resolves with the result of `call`. Throws `timeout` at the limit of time (`late` is then called with what the call
 * still comes to) and `unavailable` if the call was not made.
 */
export async function remoteCall<T>(path: string, call: () => Promise<T>, late?: (value: T) => void): Promise<T> {
  const mount = remoteMountOf(path)
  return mount === undefined ? await call() : await calls.make(mount, path, { call, late })
}

/** Returns the remote mount that `path` lies on; undefined: it is local. */
export function remoteMountOf(path: string): string | undefined {
  const mounts = remoteMountsNow()
  return mounts.size === 0 ? undefined : mountBehind(path, mounts)
}

/** Returns the mount points whose file systems keep calls waiting beyond the limit of time, now. */
export function silentMounts(): string[] {
  return calls.silent()
}

/** False also if the root itself is remote: then there are no other files to be kept from. */
export function isRemote(path: string): boolean {
  return remoteMountOf(path) !== undefined
}

/** True if a walk that begins at `path` may come to a remote mount. */
export function leadsToRemote(path: string): boolean {
  const below = path === '/' ? '/' : `${path}/`
  return [...remoteMountsNow()].some((mount) => mount.startsWith(below)) || isRemote(path)
}

/** The calls of a handle that ask the file system. */
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

/** Returns the handle; where `path` is remote, each of its calls is a remote call from now on. */
export function remoteHandle(handle: FileHandle, path: string): FileHandle {
  const mount = remoteMountOf(path)
  if (mount === undefined) return handle
  for (const name of ASKING) {
    const own: unknown = handle[name]
    if (typeof own !== 'function') continue
    const value = (...args: unknown[]) => remoteCall(path, () => Reflect.apply(own, handle, args) as Promise<unknown>) // the method's own
    Object.defineProperty(handle, name, { value })
  }
  const close = handle.close.bind(handle)
  Object.defineProperty(handle, 'close', { value: () => calls.close(mount, path, close) })
  return handle
}

interface RemoteCall<T> {
  readonly call: () => Promise<T>
  readonly late: ((value: T) => void) | undefined
}

/** The calls into one mount. */
interface MountCalls {
  readonly mount: string
  running: number
  waiting: number
  /** Running calls whose callers have left. */
  overdue: number
}

class RemoteCalls {
  readonly #mounts = new Map<string, MountCalls>()
  /** Oldest first. */
  readonly #waiting: { readonly to: MountCalls; readonly go: () => void }[] = []
  #running = 0
  /** Closings without a caller that waits, one after the other for each mount: together they take one thread of it. */
  readonly #closings = new Map<string, Promise<void>>()

  async make<T>(mount: string, path: string, { call, late }: RemoteCall<T>): Promise<T> {
    const to = this.#mounts.get(mount) ?? { mount, running: 0, waiting: 0, overdue: 0 }
    this.#mounts.set(mount, to)
    const { promise: passed, resolve } = Promise.withResolvers<typeof PASSED>()
    const timer = setTimeout(resolve, PATIENCE_MS, PASSED)
    try {
      if (!this.#hasRoom(to)) await this.#turn(to, path, passed)
      else this.#enter(to)
      const running = this.#run(to, { call, late })
      const first = await Promise.race([running.result, passed])
      if (first !== PASSED) return first
      running.leave()
      throw silent(path, mount)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves with the end of `close`, or at the limit of time without it: a closing must come, so it goes on alone. */
  async close(mount: string, path: string, close: () => Promise<void>): Promise<void> {
    if ((this.#mounts.get(mount)?.overdue ?? 0) > 0) return this.#closeLater(mount, close)
    await this.make(mount, path, { call: close, late: undefined }).catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error
      if (error.code === 'unavailable') this.#closeLater(mount, close)
    })
  }

  #closeLater(mount: string, close: () => Promise<void>): void {
    const last = (this.#closings.get(mount) ?? Promise.resolve()).then(close).catch(() => undefined)
    this.#closings.set(mount, last)
    void last.then(() => {
      if (this.#closings.get(mount) === last) this.#closings.delete(mount)
    })
  }

  /** Makes the call. `leave`: its caller has gone. */
  #run<T>(to: MountCalls, { call, late }: RemoteCall<T>): { result: Promise<T>; leave: () => void } {
    let left = false
    const back = (): void => {
      if (left) to.overdue--
      this.#leave(to)
    }
    const result = Promise.try(call) // a call that throws at once gives its place back too
    result.then(
      (value) => {
        back()
        if (left) late?.(value)
      },
      () => back(),
    )
    const leave = (): void => {
      left = true
      to.overdue++
    }
    return { result, leave }
  }

  #hasRoom(to: MountCalls): boolean {
    return this.#running < MOST_AT_ONCE && to.running < MOST_OF_ONE
  }

  #enter(to: MountCalls): void {
    this.#running++
    to.running++
  }

  /** Gives the thread to the oldest waiting call that may have it. */
  #leave(to: MountCalls): void {
    this.#running--
    to.running--
    const next = this.#waiting.findIndex((one) => this.#hasRoom(one.to))
    if (next !== -1) this.#waiting.splice(next, 1)[0]?.go()
    if (to.running === 0 && to.waiting === 0) this.#mounts.delete(to.mount)
  }

  silent(): string[] {
    return [...this.#mounts.values()].filter(({ overdue }) => overdue > 0).map(({ mount }) => mount)
  }

  /** Waits behind others. Throws `unavailable` if all calls that could make room are overdue, or too many wait. */
  async #turn(to: MountCalls, path: string, passed: Promise<typeof PASSED>): Promise<void> {
    const overdue = [...this.#mounts.values()].reduce((sum, one) => sum + one.overdue, 0)
    if (to.overdue >= MOST_OF_ONE || overdue >= MOST_AT_ONCE) throw crowded(to.mount, path, overdue)
    if (this.#waiting.length >= MOST_WAITING || to.waiting >= MOST_WAITING_OF_ONE) {
      throw crowded(to.mount, path, to.waiting)
    }
    const { promise: free, resolve } = Promise.withResolvers<void>()
    const mine = {
      to,
      go: () => {
        this.#enter(to)
        resolve()
      },
    }
    this.#waiting.push(mine)
    to.waiting++
    const first = await Promise.race([free, passed])
    to.waiting--
    if (first !== PASSED) return
    const at = this.#waiting.indexOf(mine)
    if (at === -1) return // its turn has just come
    this.#waiting.splice(at, 1)
    throw crowded(to.mount, path, to.waiting + to.running)
  }
}

/** One for the process, and owned by none of its parts: the threads that it shares out are those of the process. */
const calls = new RemoteCalls()

function silent(path: string, mount: string): Fault {
  const seconds = PATIENCE_MS / 1000
  const sentence =
    `path ${quote(path)}: the file system mounted at ${quote(mount)} did not answer within ${seconds} s; ` +
    'what was asked of it may still happen when it answers'
  return new Fault('timeout', sentence, { details: { path, mount, limit_seconds: seconds } })
}

function crowded(mount: string, path: string, count: number): Fault {
  const sentence = `path ${quote(path)} is on the file system mounted at ${quote(mount)}, and ${count} earlier calls wait for file systems that do not answer`
  return new Fault('unavailable', sentence, { details: { path, mount }, retryAfter: RETRY_AFTER_S })
}
