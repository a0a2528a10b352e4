// Measures the anonymous memory that an act adds to a process at its peak: its RssAnon, read during the act.

import { memoryOf } from './subject.ts'

const LOOK_MS = 20

/** Resolves with the MiB above the memory before. */
export async function anonymousGrowth(pid: number, act: () => Promise<unknown>): Promise<number> {
  const look = (): number => memoryOf(pid, 'status', 'RssAnon')
  const before = look()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, look())), LOOK_MS)
  try {
    await act()
  } finally {
    clearInterval(timer)
  }
  return Math.max(most, look()) - before
}
