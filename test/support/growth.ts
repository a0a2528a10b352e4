// Measures what acts add to the anonymous memory of a daemon, which leaves out code and mapped files. The slope counts:
// a collector that comes late under load adds some tens of MiB for any amount of work, but memory that is kept without
// a limit grows with the amount.

import { readFileSync } from 'node:fs'

export const MIB = 1024 * 1024

/** The largest growth of another process's anonymous memory while `work` runs, in bytes. */
export async function anonymousGrowth(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = anonymous(pid)
  return (await peakOf(pid, work)) - before
}

/** An act on so many bytes, or on so many of another unit. */
export interface Doses {
  readonly small: number
  readonly large: number
}

/**
 * How much higher the memory of a process rises for the large dose than it rose for the small one before, in bytes.
 * The small one is done twice: the first warms up, since V8 lets its young generation grow to its full size.
 */
export async function anonymousRise(
  pid: number,
  { small, large }: Doses,
  work: (dose: number) => Promise<unknown>,
): Promise<number> {
  await work(small)
  const little = await peakOf(pid, () => work(small))
  const much = await peakOf(pid, () => work(large))
  return much - little
}

async function peakOf(pid: number, work: () => Promise<unknown>): Promise<number> {
  let most = anonymous(pid)
  const sampler = setInterval(() => (most = Math.max(most, anonymous(pid))), 50)
  try {
    await work()
  } finally {
    clearInterval(sampler)
  }
  return Math.max(most, anonymous(pid))
}

function anonymous(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}
