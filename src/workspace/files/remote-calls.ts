// Calls into file systems that ask somebody else (NFS, FUSE, 9p …) and may wait for them for ever. Node's file calls
// share a few threads; such calls get half of them at most, so that one mount which does not answer keeps
// client from the files elsewhere. What belongs to a mount is told by the path and the links in it, read up to the mount
// point: looking at the file itself would be such a call.

import { Fault, quote } from '../../base/fault.ts'
import { mountBehind } from './mount-behind.ts'
import { remoteMountsNow } from './mounts.ts'

/** Half of the threads (config.ts). */
const MOST_AT_ONCE = 8
const MOST_WAITING = 256
const RETRY_AFTER_S = 5

let running = 0
const waiting: (() => void)[] = []

/** The result of `call`, once there is room for it where `path` lies on such a mount. */
export async function remoteCall<T>(path: string, call: () => Promise<T>): Promise<T> {
  if (!isRemote(path)) return await call()
  if (running >= MOST_AT_ONCE) await turn(path)
  else running++
  try {
    return await call()
  } finally {
    const next = waiting.shift()
    if (next === undefined) running--
    else next() // the place goes on
  }
}

async function turn(path: string): Promise<void> {
  if (waiting.length >= MOST_WAITING) {
    const sentence = `path ${quote(path)} is on a mounted file system that does not answer ${MOST_WAITING} earlier calls`
    throw new Fault('unavailable', sentence, { details: { path, limit: MOST_WAITING }, retryAfter: RETRY_AFTER_S })
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  waiting.push(resolve)
  await promise
}

/** Whether a walk that begins at `path` may come to such a mount. */
export function leadsToRemote(path: string): boolean {
  const below = path === '/' ? '/' : `${path}/`
  return [...remoteMountsNow()].some((mount) => mount.startsWith(below)) || isRemote(path)
}

/** Where the root itself is such a mount there is nothing elsewhere to be kept from. */
export function isRemote(path: string): boolean {
  const mounts = remoteMountsNow()
  return mounts.size > 0 && mountBehind(path, mounts) !== undefined
}
