// Memory, descriptors and limits of this process, and the limits of inotify, read from /proc when a client asks. A
// value is undefined if /proc does not tell it.

import { readdirSync, readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'

export interface Memory {
  /** Bytes of all resident memory, shared code included. */
  readonly resident: number | undefined
  /** Bytes of memory that no other process shares: heap and buffers. */
  readonly anonymous: number | undefined
}

/** Returns the present memory. */
export function ownMemory(): Memory {
  const line = /^RssAnon:\s+(\d+) kB$/m.exec(contentOf('/proc/self/status') ?? '')
  return {
    resident: residentNow(),
    anonymous: line === null ? undefined : Number(line[1]) * 1024,
  }
}

/** Returns resident bytes. Node reads them from /proc, and throws if that is not mounted. */
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

/** Limits for a tree of 50,000 directories beside an editor's watches; else the kernel's own defaults. */
const WANTED = { max_user_watches: 65_536, max_user_instances: 128, max_queued_events: 16_384 }

/** Returns the limits; empty if the kernel does not tell. */
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
