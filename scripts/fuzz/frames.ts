// Runs the frame cases: lanes of clients, each with a connection that lives until a frame ends it, frames sent in
// batches. Beside them somebody keeps a few terminals alive, which take
// any byte as it is and give it back.

import { TOKEN } from '../../test/support/daemon.ts'
import { chanceOf, type Random } from './chance.ts'
import { frameCase } from './frame-case.ts'
import { FrameLane, type Heard } from './frame-lane.ts'
import type { Plan, Stage } from './exchanges.ts'
import type { Tally } from './tally.ts'

export const FRAMES = 'frames'

/** At most so many frames before their answers are awaited. */
const BATCH = 16
/** Fewer than the errors a minute that end a socket (contract 17). */
const FRAMES_OF_ONE = 90
const TERMINALS = 3
const GIVE_UP_FAILURES = 50

export async function runFrames(plan: Plan, stage: Stage): Promise<void> {
  const { subject, tally } = stage
  const stop = new AbortController()
  const keeper = keepTerminals(subject.port, stop.signal)
  let next = plan.from
  const take = (): number | undefined =>
    next < plan.from + plan.count && subject.alive && tally.failed < GIVE_UP_FAILURES ? next++ : undefined
  const lane = async (number: number): Promise<void> => {
    for (let index = take(); index !== undefined; index = take()) {
      const client = clientFor(chanceOf(plan.seed, 'handshakes', index), subject.port, number)
      if (await client.opened()) await talk(client, index, take)
      else {
        tally.count(`handshake ${client.status}`)
        stage.done(++tally.cases)
      }
      client.close()
    }
  }
  const talk = async (client: FrameLane, first: number, more: () => number | undefined): Promise<void> => {
    let index: number | undefined = first
    for (let sent = 0; index !== undefined && sent < FRAMES_OF_ONE;) {
      const batch = [index]
      const cases = [frameCase(chanceOf(plan.seed, FRAMES, index))]
      while (cases.at(-1)?.last === false && cases.length < BATCH && sent + cases.length < FRAMES_OF_ONE) {
        const another = more()
        if (another === undefined) break
        batch.push(another)
        cases.push(frameCase(chanceOf(plan.seed, FRAMES, another)))
      }
      const last = cases.at(-1)?.last === true
      const frames = Buffer.concat(cases.map((one) => one.bytes))
      const heard = await client.send(frames, last)
      judge(tally, batch, heard)
      // What was sent is sent again by a client of its own.
      if (!heard.hung && tally.took(index, heard.ms))
        await tally.again(index, () => sentAgain(frames, last, client.port))
      stage.done((tally.cases += batch.length))
      if (heard.closed !== undefined || heard.hung || last) return
      sent += cases.length
      if (sent < FRAMES_OF_ONE) index = more()
    }
  }
  await Promise.all(Array.from({ length: plan.lanes }, (_, number) => lane(number)))
  stop.abort()
  await keeper
}

function clientFor(random: Random, port: number, lane: number): FrameLane {
  const mode = random.next() < 0.003 ? 'replace' : 'shared'
  const query = `mode=${mode}${random.pick(['', '', '&flow=ack', '&since=1:0,2:999999', '&x=y'])}`
  const token = random.next() < 0.01 ? 'none' : random.pick(['header', 'query'] as const)
  return new FrameLane(port, `127.0.0.${2 + lane}`, query, token)
}

function judge(tally: Tally, batch: readonly number[], { errors, closed, hung }: Heard): void {
  const [first = 0] = batch
  tally.authenticated += batch.length
  for (const code of errors) tally.count(`error ${code}`)
  if (closed !== undefined) tally.count(`closed ${nameOf(closed)}`)
  tally.count('taken', Math.max(0, batch.length - errors.length - (closed === undefined ? 0 : 1)))
  if (errors.includes('internal_error')) tally.fail(first, `internal_error among ${batch.length} frames`)
  if (closed === '1011') tally.fail(first, `closed with 1011 after ${batch.length} frames`)
  if (hung) tally.fail(first, `${batch.length} frames were not answered`)
}

/** The codes that are free to be used come back as they were sent: one name for all but those of ours. */
function nameOf(code: string): string {
  return /^[34]\d{3}$/.test(code) && code !== '4000' ? '3000 to 4999' : code
}

async function sentAgain(frames: Buffer, last: boolean, port: number): Promise<number> {
  const client = new FrameLane(port, '127.0.0.1', 'mode=shared', 'header')
  const { ms } = (await client.opened()) ? await client.send(frames, last) : { ms: Infinity }
  client.close()
  return ms
}

async function keepTerminals(port: number, signal: AbortSignal): Promise<void> {
  const url = `http://127.0.0.1:${port}/terminals`
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  // Raw: a byte that stops or ends the terminal's program would leave none to talk to. The ring alone has 256 KiB;
  // what each new client is sent of it is a little.
  const body = JSON.stringify({ command: ['sh', '-c', 'stty raw -echo; exec cat'], scrollback_size: 512 })
  while (!signal.aborted) {
    try {
      const reply = await fetch(url, { headers, signal })
      const { terminals } = (await reply.json()) as { terminals: { alive: boolean }[] } // contract 6
      if (terminals.filter((one) => one.alive).length >= TERMINALS) await pause(signal)
      else await (await fetch(url, { method: 'POST', headers, body, signal })).arrayBuffer()
    } catch {
      if (!signal.aborted) await pause(signal)
    }
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, 200)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
}
