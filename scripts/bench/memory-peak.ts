// What an act adds to the anonymous memory of a process at its peak: its RssAnon, read while it works.

import { memoryOf } from './subject.ts'

const LOOK_MS = 20

/** MiB over what there was before. */
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
