// Memory, descriptors and limits of this process, and the limits of inotify, read from /proc when a client asks. Undefined where there is no /proc or it does not tell.

import { readdirSync, readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'

export interface Memory {
  /** All resident memory, shared code included. */
  readonly resident: number | undefined
  /** Memory that no other process shares: heap and buffers. */
  readonly anonymous: number | undefined
}

/** Bytes, now. */
export function ownMemory(): Memory {
  const line = /^RssAnon:\s+(\d+) kB$/m.exec(contentOf('/proc/self/status') ?? '')
  return {
    resident: residentNow(),
    anonymous: line === null ? undefined : Number(line[1]) * 1024,
  }
}

/** Node reads it from /proc, and throws where that is not mounted. */
function residentNow(): number | undefined {
  try {
    return process.memoryUsage.rss()
  } catch {
    return undefined
  }
}

/** Returns the bytes of the JavaScript heap in use. process.memoryUsage() needs /proc, so it is not used. */
export function ownHeap(): number {
  return getHeapStatistics().used_heap_size
}

/** Returns the number of open descriptors. */
export function openDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1 // one is the listing's own
  } catch {
    return undefined
  }
}

/** Returns how many descriptors may be open: Node raises its soft limit to the hard one. */
export function descriptorLimit(): number | undefined {
  const [, most] = /^Max open files\s+(\d+|unlimited)/m.exec(contentOf('/proc/self/limits') ?? '') ?? []
  if (most === undefined) return undefined
  return most === 'unlimited' ? Infinity : Number(most)
}

/** A setting of inotify, and the least with which watching a large tree works. */
export interface InotifyLimit {
  readonly sysctl: string
  readonly value: number
  readonly wanted: number
}

/** A tree of 50,000 directories beside what an editor takes; the kernel's own default otherwise. */
const WANTED = { max_user_watches: 65_536, max_user_instances: 128, max_queued_events: 16_384 }

/** Empty where the kernel does not tell. */
export function inotifyLimits(): readonly InotifyLimit[] {
  return Object.entries(WANTED).flatMap(([name, wanted]) => {
    const text = contentOf(`/proc/sys/fs/inotify/${name}`)
    return text === undefined ? [] : [{ sysctl: `fs.inotify.${name}`, value: Number(text), wanted }]
  })
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
