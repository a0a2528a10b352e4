// Listings and searches over trees of 1,000 to 1,000,000 files of one shape, one tree at a time.

import { download } from '../download.ts'
import type { Bench } from '../figure.ts'
import { openSubject } from '../subject.ts'
import { makeTree } from '../tree.ts'
import { costOf, type Growth, type Point } from './cost.ts'

const SIZES = [1000, 10_000, 100_000, 1_000_000]
const QUICK_SIZES = [300, 1000, 3000, 10_000]
const ROUNDS = 3

export async function listGrowth({ print, quick }: Bench): Promise<Growth[]> {
  await using subject = await openSubject()
  const { port } = subject
  const asks = {
    'GET /files/stream, no rules': ['/files/stream?light=true&use_gitignore=false', '"done"'],
    'GET /files/stream, .gitignore': ['/files/stream?light=true', '"done"'],
    'GET /files/search/files, no match': ['/files/search/files?q=nowhere', '"total_files"'],
    'GET /files/search, 20 hits': ['/files/search?q=rare_needle', '"total_files"'],
  } as const
  const points = new Map<string, Point[]>(Object.keys(asks).map((what) => [what, []]))
  for (const size of quick ? QUICK_SIZES : SIZES) {
    print(`a tree of ${size} files`)
    using tree = makeTree(size)
    for (const [what, [query, ending]] of Object.entries(asks)) {
      const path = `${query}&path=${encodeURIComponent(tree.path)}`
      const cost = await costOf(ROUNDS, async () => (await download({ port, path, ending })).ms)
      points.get(what)?.push({ size, cost })
    }
  }
  return [...points].map(([what, measured]) => ({ what: `${what}, files`, unit: 'ms', points: measured }))
}
