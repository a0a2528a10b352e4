// What an act adds to the memory of a process: the test's own, or that of a daemon.

import { readFileSync } from 'node:fs'

/** The largest growth of resident memory while `work` runs, over what it was before, in bytes. */
export async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss()
  let most = before
  const sampler = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20)
  try {
    await work()
  } finally {
    clearInterval(sampler)
  }
  return most - before
}

/** The largest growth of another process's anonymous memory while `work` runs, in bytes (reliability, "How rows are counted"). */
export async function anonymousGrowth(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = anonymous(pid)
  let most = before
  const sampler = setInterval(() => (most = Math.max(most, anonymous(pid))), 50)
  try {
    await work()
  } finally {
    clearInterval(sampler)
  }
  return Math.max(most, anonymous(pid)) - before
}

function anonymous(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}
