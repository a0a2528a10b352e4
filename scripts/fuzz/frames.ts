// Runs the frame cases: lanes of clients, each with a connection that lives until a frame ends it, frames sent in
// batches. The terminals that they are about are kept alive beside them (terminals.ts).

import { chanceOf, type Random } from './chance.ts'
import { frameCase, type FrameCase } from './frame-case.ts'
import { FrameLane, type Heard } from './frame-lane.ts'
import type { Plan, Stage } from './exchanges.ts'
import type { Tally } from './tally.ts'
import { openTerminals, type Terminals } from './terminals.ts'

export const FRAMES = 'frames'

/** Frames at most before their answers are awaited. */
const BATCH = 16
/** Frames of one connection: fewer than the errors a minute that end a socket (protocol.md#frames). */
const FRAMES_OF_ONE = 90
const GIVE_UP_FAILURES = 50

/** Returns the numbers of the cases that remain, one by one. */
type Take = () => number | undefined

export async function runFrames(plan: Plan, stage: Stage): Promise<void> {
  const { subject, tally } = stage
  await using terminals = await openTerminals(subject.port)
  let next = plan.from
  const take: Take = () =>
    next < plan.from + plan.count && subject.alive && tally.failed < GIVE_UP_FAILURES ? next++ : undefined
  const lane = async (number: number): Promise<void> => {
    for (let index = take(); index !== undefined; index = take()) {
      const client = clientFor(chanceOf(plan.seed, 'handshakes', index), subject.port, number)
      if (await client.opened()) await talk(client, { seed: plan.seed, first: index, take, terminals }, stage)
      else {
        tally.count(`handshake ${client.status}`)
        stage.done(++tally.cases)
      }
      client.close()
    }
  }
  await Promise.all(Array.from({ length: plan.lanes }, (_, number) => lane(number)))
}

interface Supply {
  readonly seed: number
  readonly first: number
  readonly take: Take
  readonly terminals: Pick<Terminals, 'ids'>
}

/** Sends batch after batch, until one ends the connection or the connection has had its share. */
async function talk(client: FrameLane, supply: Supply, { tally, done }: Stage): Promise<void> {
  let index: number | undefined = supply.first
  for (let sent = 0; index !== undefined;) {
    const batch = batchFrom(index, FRAMES_OF_ONE - sent, supply)
    const last = batch.frames.at(-1)?.last === true
    const bytes = Buffer.concat(batch.frames.map((one) => one.bytes))
    const heard = await client.send(bytes, last)
    judge(tally, batch.indexes, heard)
    if (!heard.hung && tally.took(index, heard.ms)) {
      await tally.again(index, () => sentAgain(bytes, last, client.port)) // by another client
    }
    done((tally.cases += batch.indexes.length))
    sent += batch.indexes.length
    if (heard.closed !== undefined || heard.hung || last || sent >= FRAMES_OF_ONE) return
    index = supply.take()
  }
}

interface Batch {
  readonly indexes: readonly number[]
  readonly frames: readonly FrameCase[]
}

function batchFrom(index: number, room: number, { seed, take, terminals: { ids } }: Supply): Batch {
  const indexes = [index]
  const frames = [frameCase(chanceOf(seed, FRAMES, index), ids)]
  while (frames.at(-1)?.last === false && frames.length < Math.min(BATCH, room)) {
    const another = take()
    if (another === undefined) break
    indexes.push(another)
    frames.push(frameCase(chanceOf(seed, FRAMES, another), ids))
  }
  return { indexes, frames }
}

function clientFor(random: Random, port: number, lane: number): FrameLane {
  const mode = random.next() < 0.003 ? 'replace' : 'shared'
  const query = `mode=${mode}${random.pick(['', '&flow=ack', '&flow=ack', '&since=1:0,2:999999', '&x=y'])}`
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

/** Returns one name for all codes but ours: the daemon echoes codes that are free for use. */
function nameOf(code: string): string {
  return /^[34]\d{3}$/.test(code) && code !== '4000' ? '3000 to 4999' : code
}

async function sentAgain(frames: Buffer, last: boolean, port: number): Promise<number> {
  const client = new FrameLane(port, '127.0.0.1', 'mode=shared', 'header')
  const { ms } = (await client.opened()) ? await client.send(frames, last) : { ms: Infinity }
  client.close()
  return ms
}
