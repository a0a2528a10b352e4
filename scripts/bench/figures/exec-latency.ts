// Figure 1: POST /exec of /bin/true over a kept connection, with 50 and with 500 MB resident, against
// child_process.spawn in a bare Node and posix_spawn in C. Both floors carry no ballast.

import { createInterface } from 'node:readline'
import { compile } from '../c-program.ts'
import { floorOf, interleaved, measured, median, type Bench, type Row } from '../figure.ts'
import { requestText } from '../load.ts'
import { openLoad, type LoadProcess } from '../load-process.ts'
import { end, programPath, start } from '../processes.ts'
import { AUTHORIZATION, memoryOf, openSubject, type Subject } from '../subject.ts'

const ROUNDS = 9
/** Spawns of one floor in one round; a round of ours takes as long. */
const SPAWNS = 60
const ROUND_MS = 150

export async function execLatency({ print }: Bench): Promise<Row[]> {
  await using light = await withResident(50)
  await using heavy = await withResident(500)
  await using load = await openLoad()
  await using direct = await openSpawner(process.execPath, [programPath('spawn-direct.ts')])
  using program = await compile('spawn.c')
  await using c = program.path === undefined ? undefined : await openSpawner(program.path, [])
  const resident = [light, heavy].map(({ pid }) => `${memoryOf(pid, 'status', 'VmRSS').toFixed(0)} MiB`)
  print(`exec of /bin/true, daemons of ${resident.join(' and ')} resident`)

  const samples = await interleaved(ROUNDS, {
    light: () => execP50(load, light),
    heavy: () => execP50(load, heavy),
    direct: () => direct.p50(),
    c: async () => (c === undefined ? Number.NaN : c.p50()),
  })
  const node = floorOf('child_process', samples.direct)
  const rows: Row[] = []
  for (const [megabytes, ours] of [
    [50, samples.light],
    [500, samples.heavy],
  ] as const) {
    const row = {
      figure: '1',
      measure: `POST /exec of /bin/true, p50, ${megabytes} MB resident`,
      unit: 'ms',
      ...measured(ours),
    }
    rows.push({ ...row, floor: node, hold: { atMost: 1 } })
    if (c !== undefined) rows.push({ ...row, floor: floorOf('C posix_spawn', samples.c), hold: { atMost: 2 } })
  }
  rows.push({
    figure: '1',
    measure: 'the same, 500 MB beside 50 MB resident',
    ...measured(samples.heavy),
    unit: 'ms',
    floor: { name: '50 MB', value: median(samples.light) },
    hold: { atMost: 1.1 },
  })
  return rows
}

function withResident(megabytes: number): Promise<Subject> {
  return openSubject(['--require', programPath('ballast.cjs')], { BALLAST_MB: String(megabytes) })
}

async function execP50(load: LoadProcess, { port }: Subject): Promise<number> {
  const body = JSON.stringify({ cmd: ['/bin/true'], ttl_seconds: 1 })
  const request = requestText('POST', '/exec', AUTHORIZATION, body)
  return median((await load.run({ port, request, connections: 1, ms: ROUND_MS })).latencies)
}

interface Spawner extends AsyncDisposable {
  p50(): Promise<number>
}

async function openSpawner(command: string, args: readonly string[]): Promise<Spawner> {
  const child = start(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  if (child.stdout === null || child.stdin === null) throw new Error(`${command} has no pipes`)
  const { stdin } = child
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next() // ready
  return {
    async p50() {
      stdin.write(`${SPAWNS}\n`)
      return median(JSON.parse((await lines.next()).value as string) as number[]) // our own programs
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}
