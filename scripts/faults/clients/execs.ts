// Clients of commands: some wait for the answer, some start a command in the background and fetch its output by
// offsets, and some read an event stream and attach again where it was cut.

import { Segments, tagOf } from '../content.ts'
import type { Answer, Client } from '../client.ts'
import type { ExecEvent, ExecSeen } from '../history.ts'
import { plan, type Plan } from './command.ts'
import { readEvents, type Sight } from './events.ts'

const PAUSE_MS = 200

const request = ({ script, timeoutSeconds }: Plan): object => ({
  command: ['sh', '-c', script],
  timeout_seconds: timeoutSeconds,
})

/** Numbers of all clients' commands, so that no two share a tag. */
let commands = 0
const nextTag = (): string => tagOf('c', ++commands)

type Known = Pick<Answer, 'begin' | 'end' | 'outcome' | 'status'> & {
  id?: string | undefined
  epoch?: number | undefined
}

function asked(client: Client, { tag, out, err, code }: Plan, form: ExecEvent['form'], known: Known): void {
  const { begin, end, outcome, status, id, epoch } = known
  client.history.add({
    type: 'exec',
    client: client.name,
    tag,
    form,
    out,
    err,
    code,
    begin,
    end,
    outcome,
    status,
    ...(id === undefined ? {} : { id }),
    ...(epoch === undefined ? {} : { epoch }),
  })
}

const NOTHING = { codes: [], out: [], err: [], gaps: { out: [], err: [] }, clean: true, late: 0 } as const

function seen(client: Client, tag: string, via: ExecSeen['via'], what: Partial<ExecSeen>): void {
  client.history.add({ type: 'exec-seen', ...NOTHING, tag, via, at: performance.now(), ...what })
}

function segmentsOf(text: string) {
  const segments = new Segments()
  segments.add(Buffer.from(text))
  return segments.end()
}

export async function run(client: Client): Promise<void> {
  while (!client.signal.aborted) {
    const planned = plan(nextTag(), client.subject.ground.runs, client.random, { lines: 2000, batches: 2, pause: 0 })
    const answer = await client.ask('POST', '/exec', { json: request(planned) })
    if (answer !== undefined) {
      const { outcome, body } = answer
      const done = outcome === 'acknowledged'
      asked(client, planned, 'reply', done ? { ...answer, id: body.id } : { ...answer, epoch: undefined })
      if (done) {
        const [out, err] = [segmentsOf(body.stdout), segmentsOf(body.stderr)]
        seen(client, planned.tag, 'reply', { codes: [body.exit_code], out, err })
        await look(client, planned.tag, body.id, answer.epoch)
      }
    }
    await client.think(PAUSE_MS)
  }
}

/** Asks for the state alone; true once the command has ended, or its state cannot be known any more. */
async function look(client: Client, tag: string, id: string, epoch: number | undefined, wait = 0): Promise<boolean> {
  if (epoch === undefined || client.subject.epoch !== epoch) return true
  const answer = await client.ask('GET', `/exec/${id}?wait_seconds=${wait}`)
  if (answer === undefined || answer.epoch !== epoch) return client.subject.epoch !== epoch
  if (answer.status === 404) seen(client, tag, 'get', { missing: true })
  if (answer.outcome !== 'acknowledged') return answer.status === 404
  const { exit_code: code } = answer.body
  if (code !== -1) seen(client, tag, 'get', { codes: [code] })
  return code !== -1
}

export async function runInBackground(client: Client): Promise<void> {
  const shape = { lines: 6000, batches: 4, pause: 0.1 }
  while (!client.signal.aborted) {
    const planned = plan(nextTag(), client.subject.ground.runs, client.random, shape)
    const answer = await client.ask('POST', '/exec', { json: { ...request(planned), background: true } })
    if (answer !== undefined) {
      const started = answer.outcome === 'acknowledged'
      const id: string | undefined = started ? answer.body.id : undefined
      asked(client, planned, 'background', { ...answer, id, epoch: started ? answer.epoch : undefined })
      if (id !== undefined && answer.epoch !== undefined) await fetchAll(client, planned, id, answer.epoch)
    }
    await client.think(PAUSE_MS)
  }
}

async function fetchAll(client: Client, { tag }: Plan, id: string, epoch: number): Promise<void> {
  while (!(await look(client, tag, id, epoch, 2))) if (client.signal.aborted) return
  const out = await fetchStream(client, id, epoch, 'stdout')
  const err = out && (await fetchStream(client, id, epoch, 'stderr'))
  if (out === undefined || err === undefined) return
  const gaps = { out: out.gaps, err: err.gaps }
  seen(client, tag, 'range', { codes: out.codes, out: out.segments.end(), err: err.segments.end(), gaps })
}

/** Fetches one stream by offsets, to its end; undefined if another daemon answers before that. */
async function fetchStream(client: Client, id: string, epoch: number, stream: 'stdout' | 'stderr') {
  const segments = new Segments()
  const gaps: { from: number; to: number }[] = []
  for (let offset = 0; ;) {
    const asks = `stream=${stream}&offset=${offset}&encoding=base64&limit=${16 * 1024}`
    const answer = await client.ask('GET', `/exec/${id}?${asks}`)
    if (client.subject.epoch !== epoch) return undefined
    if (answer?.status === 404) return undefined // look() has said so, or it was forgotten meanwhile
    if (answer?.outcome !== 'acknowledged') {
      if (client.signal.aborted) return undefined
      continue
    }
    const { body } = answer
    if (body.gap_bytes > 0) gaps.push({ from: offset, to: offset + body.gap_bytes })
    segments.moveTo(body.offset)
    segments.add(Buffer.from(body[stream], 'base64'))
    offset = body.next_offset
    if (body.eof === true) return { segments, gaps, codes: [Number(body.exit_code)] }
  }
}

export async function stream(client: Client): Promise<void> {
  const shape = { lines: 60_000, batches: 8, pause: 0.15 }
  while (!client.signal.aborted) {
    const planned = plan(nextTag(), client.subject.ground.runs, client.random, shape)
    const begin = performance.now()
    const { epoch } = client.subject
    const sight = await readEvents(client, 'POST', '/exec/stream', request(planned))
    if (sight !== undefined) {
      const same = epoch === client.subject.epoch ? epoch : undefined
      const outcome = sight.status >= 300 ? 'refused' : sight.id === undefined ? 'unknown' : 'acknowledged'
      asked(client, planned, 'stream', {
        begin,
        end: performance.now(),
        outcome,
        status: sight.status,
        id: sight.id,
        epoch: same,
      })
      if (sight.id !== undefined) {
        note(client, planned.tag, 'stream', sight)
        if (same !== undefined) await followUp(client, planned, sight.id, same)
      }
    }
    await client.think(PAUSE_MS)
  }
}

/** Attaches until the stream has an end, and asks for the state: all must agree. */
async function followUp(client: Client, { tag }: Plan, id: string, epoch: number): Promise<void> {
  while (!client.signal.aborted && client.subject.epoch === epoch) {
    const sight = await readEvents(client, 'GET', `/exec/stream?task_id=${id}&replay=chunks`)
    if (client.subject.epoch !== epoch) return // it cannot be said which of the two it was
    if (sight === undefined || sight.status >= 300) {
      if (sight?.status === 404) seen(client, tag, 'attach', { missing: true })
      if (sight?.status === 404) return
      continue
    }
    note(client, tag, 'attach', sight)
    if (sight.codes.length > 0) return void (await look(client, tag, id, epoch))
  }
}

function note(client: Client, tag: string, via: 'stream' | 'attach', sight: Sight): void {
  const { codes, clean, late, gaps } = sight
  seen(client, tag, via, { codes, clean, late, gaps, out: sight.out.end(), err: sight.err.end() })
}
