// Figure 8: from the start of the executable to 200 of /health, against `node -e 0`; anonymous memory once
// it idles.

import { setTimeout as sleep } from 'node:timers/promises'
import { download } from '../download.ts'
import { floorOf, interleaved, measured, median, timed, type Bench, type Row } from '../figure.ts'
import { output } from '../processes.ts'
import { memoryOf, openSubject } from '../subject.ts'

const ROUNDS = 11
/** Milliseconds in which the rest of the start-up is done. */
const IDLE_MS = 1000

export async function startUp({ print }: Bench): Promise<Row[]> {
  print('start of the executable')
  const samples = await interleaved(ROUNDS, {
    ours: startToHealth,
    node: () => timed(() => output(process.execPath, ['-e', '0'])),
  })
  const idle: number[] = []
  for (let i = 0; i < 3; i++) idle.push(await idleMemory())
  return [
    {
      figure: '8',
      measure: 'executable: start to 200 of /health',
      ...measured(samples.ours),
      unit: 'ms',
      floor: floorOf('node -e 0', samples.node),
      hold: { atMost: 1.8 },
    },
    {
      figure: '8',
      measure: 'executable: anonymous memory at idle',
      ours: median(idle),
      unit: 'MiB',
      hold: { atMost: 25 },
    },
  ]
}

async function startToHealth(): Promise<number> {
  const began = performance.now()
  await using subject = await openSubject()
  await download({ port: subject.port, path: '/health', ending: '"ok"' })
  return performance.now() - began
}

async function idleMemory(): Promise<number> {
  await using subject = await openSubject()
  await subject.call('GET', '/health')
  await sleep(IDLE_MS)
  return memoryOf(subject.pid, 'smaps_rollup', 'Anonymous')
}
