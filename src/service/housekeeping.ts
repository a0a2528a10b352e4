// What glibc holds of freed memory below what is still in use goes back to the system now and then: it returns the
// end of a heap only. After three minutes of mixed work this was 64 of 260 MiB, in 8 ms (`npm run soak`).

import { trimHeap } from '../native/heap.ts'
import { stackOf } from '../base/fault.ts'
import type { Log } from '../base/log.ts'

/** Long against what a trim takes. */
const LOOK_MS = 30_000
/**
 * Of more resident memory than the last trim left, which tells work from rest: an idle daemon is not trimmed. Little,
 * since what was in use at that trim may be free by now; and small steps hold the heaps for some milliseconds only.
 */
const WORTHY_BYTES = 2 * 1024 * 1024

export interface HeapTrimOptions {
  readonly lookMs?: number
  /** Resident bytes; 0 where the system does not tell. */
  readonly resident?: () => number
  /** Resolves to whether there is such a call. */
  readonly trim?: () => Promise<boolean>
}

/** Looks every 30 s until it is disposed, and never keeps the process alive. */
export function openHeapTrim({
  lookMs = LOOK_MS,
  resident = residentBytes,
  trim = trimHeap,
}: HeapTrimOptions = {}): Disposable {
  let left = resident()
  let busy = false
  const look = async (): Promise<void> => {
    left = Math.min(left, resident())
    if (busy || resident() < left + WORTHY_BYTES) return
    busy = true
    // What cannot be done now cannot be done later either: the call is missing.
    const possible = await trim().catch(() => false)
    busy = false
    left = resident()
    if (!possible) clearInterval(timer)
  }
  const timer = setInterval(() => void look(), lookMs).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** It is read from /proc, which a container may not have; nothing is trimmed there. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss()
  } catch {
    return 0
  }
}

/**
 * An error that no code catches ends the daemon: the log tells it once, then exit code 1, so that the service manager
 * starts it anew from a known state (C-07). The log's own way out gives the line half a second.
 */
export function endOnDefects(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    log.error(origin === 'unhandledRejection' ? 'unhandled_rejection' : 'uncaught_exception', {
      stack: stackOf(error),
    })
    process.exit(1)
  })
}
