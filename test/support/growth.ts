// What an act adds to the memory of the test's own process.

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
