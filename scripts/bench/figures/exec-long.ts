// `--only exec-long`: 100,000 commands one after the other and some at once, each with another exit code, which must
// come back; and the daemon's use before and after them: descriptors, threads, children, anonymous memory.

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Row } from '../figure.ts'
import { memoryOf, openSubject, type Subject } from '../subject.ts'

const RUNS = 100_000
const QUICK_RUNS = 2000
/** Runs after which a daemon's allocator and caches have grown to their final size. */
const WARM_RUNS = 2000
const AT_ONCE = 8
/** Difference in descriptors and threads that comes from idle connections of the client and from Node. */
const SLACK = 4
/** Seconds for which records of ended tasks are kept, so that none is left when memory is read. */
const TTL_SECONDS = 1
const SETTLE_MS = 8000
const REPORT_RUNS = 10_000

interface Holding {
  readonly descriptors: number
  readonly threads: number
  readonly children: number
  readonly anonymous: number
}

export async function execLong({ print, quick }: Bench): Promise<Row[]> {
  const runs = quick ? QUICK_RUNS : RUNS
  await using subject = await openSubject()
  await sweep(subject, quick ? QUICK_RUNS : WARM_RUNS, () => undefined)
  const before = await settled(subject)
  print(`${runs} commands; before: ${JSON.stringify(before)}`)
  const began = performance.now()
  const lost = await sweep(subject, runs, (done) => {
    if (done % REPORT_RUNS === 0) print(`${done} commands: ${JSON.stringify(holding(subject.pid))}`)
  })
  const seconds = (performance.now() - began) / 1000
  const after = await settled(subject)
  print(
    `${runs} commands in ${seconds.toFixed(0)} s, ${(runs / seconds).toFixed(0)}/s; after: ${JSON.stringify(after)}`,
  )
  const row = (what: string, ours: number, atMost: number, unit: string): Row => ({
    figure: 'exec-long',
    measure: `${what} by ${runs} commands`,
    ours,
    unit,
    hold: { atMost },
  })
  return [
    row('exits lost or wrong', lost, 0, ''),
    row('descriptors added', after.descriptors - before.descriptors, SLACK, ''),
    row('threads added', after.threads - before.threads, SLACK, ''),
    row('children left', after.children - before.children, 0, ''),
    row('anonymous memory added', after.anonymous - before.anonymous, 32, 'MiB'),
  ]
}

/** Resolves with the number of exits that were lost or another command's. */
async function sweep(subject: Subject, runs: number, tell: (done: number) => void): Promise<number> {
  let next = 0
  let done = 0
  let lost = 0
  const lane = async (): Promise<void> => {
    while (next < runs) {
      const code = next++ % 251
      const cmd = ['/bin/sh', '-c', `exit ${code}`]
      const answer = await subject.call('POST', '/exec', { cmd, ttl_seconds: TTL_SECONDS })
      const { exit_code: came } = JSON.parse(answer) as { exit_code?: number } // the daemon's own
      if (came !== code) lost++
      tell(++done)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return lost
}

async function settled({ pid }: Subject): Promise<Holding> {
  await sleep(SETTLE_MS)
  return holding(pid)
}

function holding(pid: number): Holding {
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    children: childrenOf(pid),
    anonymous: Math.round(memoryOf(pid, 'status', 'RssAnon') * 10) / 10,
  }
}

/** Returns the number of children, zombies too. */
function childrenOf(pid: number): number {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === pid).length
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
  } catch {
    return undefined // it has gone
  }
}
