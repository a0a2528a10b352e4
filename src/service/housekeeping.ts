// Returns freed memory to the system now and then: glibc by itself returns only the end of a heap, not the free pages
// below blocks in use. After three minutes of mixed work these were 64 of 260 MiB, returned in 8 ms (`npm run soak`).

import { trimHeap } from '../native/heap.ts'
import { stackOf } from '../base/fault.ts'
import type { Log } from '../base/log.ts'

/** Time between two looks; long compared with a trim. */
const LOOK_MS = 30_000
/**
 * Growth of resident memory since the last trim that makes a trim worthwhile: an idle daemon is not trimmed. It is
 * small, as memory in use at that trim may be free by now, and small steps lock the heaps for some milliseconds only.
 */
const WORTHY_BYTES = 2 * 1024 * 1024

export interface HeapTrimOptions {
  readonly lookMs?: number
  /** Returns resident bytes; 0 if the system does not tell. */
  readonly resident?: () => number
  /** Trims the heap; resolves with false if the C library has no such call. */
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
    // If the call fails now, it always will: the C library lacks it.
    const possible = await trim().catch(() => false)
    busy = false
    left = resident()
    if (!possible) clearInterval(timer)
  }
  const timer = setInterval(() => void look(), lookMs).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Reads resident bytes from /proc, which a container may not have; then nothing is trimmed. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss()
  } catch {
    return 0
  }
}

/**
 * Ends the daemon after an error that no code catches: the log tells the error once, then the exit code is 1, so that
 * the service manager starts the daemon anew from a known state (C-07). The log outlet gives the line half a second.
 */
export function endOnDefects(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    log.error(origin === 'unhandledRejection' ? 'unhandled_rejection' : 'uncaught_exception', {
      stack: stackOf(error),
    })
    process.exit(1)
  })
}
