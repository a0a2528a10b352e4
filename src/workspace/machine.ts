// What the system says of this process and allows it, read from /proc when somebody asks: memory, descriptors, the
// limits of inotify. Undefined where there is no /proc or it does not tell.

import { readdirSync, readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'

export interface Memory {
  /** All that is resident, shared code included. */
  readonly resident: number | undefined
  /** What is this process's alone: heap and buffers. */
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

/** Of JavaScript, in use, in bytes. Not by process.memoryUsage(), which needs /proc. */
export function ownHeap(): number {
  return getHeapStatistics().used_heap_size
}

/** Descriptors that are open. */
export function openDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1 // one is the listing's own
  } catch {
    return undefined
  }
}

/** How many may be open. Node raises its own limit to what may be had. */
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
