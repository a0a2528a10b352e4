// npm run soak: one daemon at mixed work for an hour (Z-07), while clients are cut, the disk is full for moments and
// the clock jumps. It prints a line for each minute, then a summary. The exit code is 0 only if the daemon lasted,
// answered nothing wrongly, kept its memory level, and at the end holds no more than it held at rest before.

import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { COMMAND } from '../test/support/daemon.ts'
import { seeded } from '../test/support/random.ts'
import { openGround } from './faults/ground.ts'
import { disturb } from './soak/chaos.ts'
import { Client, Tally } from './soak/client.ts'
import { readOptions } from './soak/options.ts'
import { startSubject, type Subject } from './soak/subject.ts'
import { drift, leftBehind, MINUTES_FOR_DRIFT, MOST_DRIFT, type Minute } from './soak/verdict.ts'
import { COUNTS, vitalsOf, type Vitals } from './soak/vitals.ts'
import { background, expire, print, run, stream } from './soak/work/commands.ts'
import { terminal, visit, watch } from './soak/work/live.ts'
import { mcp, proxied } from './soak/work/protocols.ts'
import { list, rearrange, search, transfer, write } from './soak/work/trees.ts'

type Work = (client: Client) => Promise<void>

/** Time of work before rest is measured for the first time: what the daemon opens once is open then. */
const WARM_UP = { share: 0.1, mostMs: 120_000 }
const SAMPLE_MS = 1000
/** Longest time until the daemon is at rest: it ends idle threads after a while. */
const REST_MS = 120_000
/** Time without a change after which the daemon counts as at rest. */
const STILL_MS = 15_000

const MIB = 1024 * 1024
const mib = (bytes: number): string => (bytes / MIB).toFixed(1)

function crew(port: number): readonly Work[] {
  const twice = [run, write, terminal, list, mcp]
  return [
    ...twice,
    ...twice,
    print,
    expire,
    background,
    stream,
    watch,
    visit,
    search,
    rearrange,
    transfer,
    proxied(port),
  ]
}

/** Runs all clients until the signal. */
async function work(
  subject: Subject,
  parts: { tally: Tally; seed: number; port: number; signal: AbortSignal },
): Promise<void> {
  const { tally, seed, port, signal } = parts
  await Promise.all(
    crew(port).map(async (one, index) => {
      using client = new Client({
        name: `${one.name || 'proxied'}-${index}`,
        random: seeded(seed + index),
        subject,
        tally,
        signal,
      })
      while (!signal.aborted) {
        await one(client).catch((error: unknown) => {
          if (!signal.aborted) tally.note(`${client.name}: ${error instanceof Error ? error.stack : String(error)}`)
        })
      }
    }),
  )
}

/** Resolves when the daemon is at rest, or the time is over. */
async function atRest({ pid }: Subject): Promise<Vitals> {
  const until = performance.now() + REST_MS
  let last = vitalsOf(pid)
  let since = performance.now()
  while (performance.now() < until && performance.now() - since < STILL_MS) {
    await pause(500)
    const now = vitalsOf(pid)
    if (COUNTS.some((name) => now[name] !== last[name])) since = performance.now()
    last = now
  }
  return last
}

/** Takes samples until the signal, and prints a line for each minute. */
async function observe(subject: Subject, tally: Tally, signal: AbortSignal): Promise<Minute[]> {
  const minutes: Minute[] = []
  let number = 0
  console.log(
    'minute  requests    cut refused  wrong  memory MiB (least-most)  fds threads ptys watches children zombies',
  )
  while (!signal.aborted) {
    const samples: Vitals[] = []
    const until = performance.now() + 60_000
    while (performance.now() < until && !signal.aborted) {
      await pause(SAMPLE_MS, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) samples.push(vitalsOf(subject.pid))
    }
    const most = (of: (one: Vitals) => number) => Math.max(...samples.map(of))
    if (samples.length === 0) break
    const minute = { least: Math.min(...samples.map((one) => one.memory)), most: most((one) => one.memory) }
    if (!signal.aborted) minutes.push(minute)
    const counts = [tally.requests, tally.cut, tally.refused, tally.wrongs]
    const held = ['descriptors', 'threads', 'terminals', 'watches', 'children', 'zombies'] as const
    const widths = [10, 7, 8, 7]
    console.log(
      `${String(++number).padStart(6)}${counts.map((one, at) => String(one).padStart(widths[at] ?? 8)).join('')}` +
        `${`${mib(minute.least)}-${mib(minute.most)}`.padStart(26)}` +
        held.map((name) => String(most((one) => one[name])).padStart(name.length > 8 ? 5 : 8)).join(''),
    )
  }
  return minutes
}

async function openApplication(): Promise<Server> {
  const server = createServer((request, response) => response.end(`you asked for ${request.url}`))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function soak(): Promise<string[]> {
  const { minutes, seed, chaos } = readOptions(process.argv.slice(2))
  using ground = openGround()
  const application = await openApplication()
  const { port } = application.address() as AddressInfo
  const subject = await startSubject(ground, chaos)
  console.log(`soak: seed ${seed}, ${minutes} min, pid ${subject.pid}, ${COMMAND.join(' ')}`)
  for (const lacking of chaos ? ground.skipped : []) console.log(`soak: without ${lacking}`)
  const over = new AbortController()
  const end = (): void => over.abort()
  process.once('SIGINT', end).once('SIGTERM', end)
  let death: string | undefined
  void subject.died.then((how) => {
    death = how
    end()
  })
  try {
    const tally = new Tally()
    const warm = AbortSignal.any([
      over.signal,
      AbortSignal.timeout(Math.min(minutes * 60_000 * WARM_UP.share, WARM_UP.mostMs)),
    ])
    await work(subject, { tally, seed, port, signal: warm })
    const before = await atRest(subject)
    console.log(`soak: at rest after the warm-up: ${describe(before)}`)
    const time = AbortSignal.any([over.signal, AbortSignal.timeout(minutes * 60_000)])
    const [seen, , disturbed] = await Promise.all([
      observe(subject, tally, time),
      work(subject, { tally, seed: seed + 1000, port, signal: time }),
      chaos ? disturb(ground, seeded(seed), time) : {},
    ])
    const after = await atRest(subject)
    console.log(`soak: at rest at the end:        ${describe(after)}`)
    console.log(
      `soak: ${tally.requests} requests, ${tally.cut} cut, ${tally.refused} refused, ${JSON.stringify(disturbed)}`,
    )
    const code = await subject.stop()
    const short = over.signal.aborted ? [`it was cut short after ${seen.length} of ${minutes} min`] : []
    return [
      ...(death === undefined ? short : [death]),
      ...judge(seen, before, after),
      ...tally.wrong,
      ...subject.errors,
      ...(code === 0 ? [] : [`exit code ${code}`]),
    ]
  } catch (error) {
    return [death ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)), ...subject.errors]
  } finally {
    subject.kill()
    application.close()
    application.closeAllConnections()
  }
}

function describe(vitals: Vitals): string {
  const { memory, ...counts } = vitals
  return `${mib(memory)} MiB, ${Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')}`
}

function judge(minutes: readonly Minute[], before: Vitals, after: Vitals): string[] {
  const grown = drift(minutes)
  const said = grown === undefined ? `not judged below ${MINUTES_FOR_DRIFT} min` : `${(grown * 100).toFixed(1)} %`
  console.log(`soak: the floor of memory under work has changed by ${said} from the second third to the last`)
  const growth = grown !== undefined && grown > MOST_DRIFT ? [`memory has grown by ${said}`] : []
  return [...growth, ...leftBehind(before, after)]
}

const problems = await soak()
for (const problem of problems) console.error(`soak: ${problem}`)
console.log(problems.length === 0 ? 'soak: held' : `soak: missed, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
