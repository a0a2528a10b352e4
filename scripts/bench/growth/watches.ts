// Watchers over 10 to 50,000 directories: the time until ready and the anonymous memory it adds.

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../figure.ts'
import { openGround } from '../ground.ts'
import { memoryOf, openSubject } from '../subject.ts'
import type { Growth, Point } from './cost.ts'
import { costOf } from './cost.ts'

const SIZES = [10, 100, 1000, 10_000, 50_000]
const QUICK_SIZES = [10, 100, 1000]
const ROUNDS = 3
const FAN_OUT = 10

export async function watchGrowth({ print, quick }: Bench): Promise<Growth[]> {
  const most = Number(readFileSync('/proc/sys/fs/inotify/max_user_watches', 'utf8'))
  const ready: Point[] = []
  const memory: Point[] = []
  for (const size of quick ? QUICK_SIZES : SIZES) {
    if (size > most) {
      print(`${size} directories skipped: the machine allows ${most} watches`)
      continue
    }
    using ground = openGround('watched', { bytes: size * 512, files: size })
    makeDirectories(ground.path, size)
    await using subject = await openSubject()
    const { pid } = subject
    await subject.call('GET', '/watchers')
    const before = memoryOf(pid, 'status', 'RssAnon')
    let first = Number.NaN
    const cost = await costOf(ROUNDS, async () => {
      const began = performance.now()
      const answer = await subject.call('POST', '/watchers', { path: ground.path })
      const ms = performance.now() - began
      const { id, dirs } = JSON.parse(answer) as { id: string; dirs: number } // the daemon's own
      if (dirs < size) throw new Error(`${dirs} of ${size} directories are watched`)
      if (Number.isNaN(first)) first = (memoryOf(pid, 'status', 'RssAnon') - before) * 1024
      await subject.call('DELETE', `/watchers/${id}`)
      return ms
    })
    ready.push({ size, cost })
    memory.push({ size, cost: first })
  }
  return [
    { what: 'watched directories, until ready', unit: 'ms', points: ready },
    { what: 'watched directories, memory they add', unit: 'KiB', points: memory },
  ]
}

function makeDirectories(root: string, count: number): void {
  const all = [root]
  for (let i = 1; i < count; i++) {
    const directory = join(all[Math.floor((i - 1) / FAN_OUT)] ?? root, `dir${i}`)
    mkdirSync(directory)
    all.push(directory)
  }
}
