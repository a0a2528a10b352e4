// Answers that fail after their head: the client has been told a success, so the connection is cut, the log names the
// request and why, and the call is counted as failed.

import { truncateSync, writeFileSync } from 'node:fs'
import { request as send, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { EventStream, ByteStream, operation, type Frame } from '../../src/operation.ts'
import { Conditions } from '../../src/base/conditions.ts'
import { Fault } from '../../src/base/fault.ts'
import { openDaemon } from '../../src/daemon.ts'
import { openGate, type Gate } from '../../src/invoke.ts'
import { openLog } from '../../src/base/log.ts'
import { EVERYTHING } from '../../src/workspace/files/opening/access.ts'
import { Type } from '../../src/schema.ts'
import type { Workspace } from '../../src/workspace/workspace.ts'
import { openBytes } from '../support/application.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

interface Cut {
  readonly requestId: string
  readonly status: number
  readonly complete: boolean
}

/** Reads the first bytes, does `then`, and reads on to the end. */
async function readUntilCut(daemon: Daemon, path: string, then = (): void => undefined): Promise<Cut> {
  const outgoing = send(daemon.url + path, { headers: { authorization: `Bearer ${TOKEN}` }, agent: false })
  outgoing.end()
  const [reply] = (await once(outgoing, 'response')) as [IncomingMessage]
  reply.on('error', () => undefined)
  const closed = new Promise((resolve) => reply.once('close', resolve)) // its error, which a cut is, counts for nothing
  await once(reply, 'readable')
  then()
  reply.resume()
  await closed
  return { requestId: String(reply.headers['x-request-id']), status: reply.statusCode ?? 0, complete: reply.complete }
}

async function told(t: Test, daemon: Daemon, requestId: string, what: RegExp): Promise<void> {
  const line = (): string | undefined =>
    daemon
      .stderr()
      .split('\n')
      .find((one) => one.includes(requestId) && one.includes('answer_broke_off'))
  await until('the log names it', () => line() !== undefined)
  t.match(line(), what)
}

t.test('a file that becomes shorter while it is sent', { timeout: 30_000 }, async (t) => {
  const daemon = await startDaemon(t)
  const path = `${daemon.directory}/shrinks`
  writeFileSync(path, Buffer.alloc(64 * MIB))
  const cut = await readUntilCut(daemon, `/files/raw?path=${encodeURIComponent(path)}`, () => truncateSync(path, 10))
  t.match(cut, { status: 200, complete: false })
  await told(t, daemon, cut.requestId, /\/files\/raw/)
  const metrics = (await daemon.call('GET', '/metrics')).body as string
  t.match(metrics, /calls_total\{transport="rest",operation="file_\w*raw\w*",status="5xx"\} 1\n/)
  t.match(metrics, /http_responses_total\{status="5xx"\} 1\n/)
})

t.test('an application behind the proxy that breaks off', { timeout: 30_000 }, async (t) => {
  const daemon = await startDaemon(t)
  const port = await openBytes(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf'))
  })
  const cut = await readUntilCut(daemon, `/proxy/${port}/`)
  t.match(cut, { status: 200, complete: false })
  const line = (): string | undefined =>
    daemon
      .stderr()
      .split('\n')
      .find((one) => one.includes('answer_broke_off'))
  await until('the log names it', () => line() !== undefined)
  t.match(line(), /bad_gateway/)
})

t.test('an end of the client is no failure', { timeout: 30_000 }, async (t) => {
  const daemon = await startDaemon(t)
  const path = `${daemon.directory}/large`
  writeFileSync(path, Buffer.alloc(64 * MIB))
  const outgoing = send(`${daemon.url}/files/raw?path=${encodeURIComponent(path)}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
    agent: false,
  })
  outgoing.on('error', () => undefined).end()
  const [reply] = (await once(outgoing, 'response')) as [IncomingMessage]
  reply.on('error', () => undefined)
  await once(reply, 'readable')
  outgoing.destroy()
  await until('it is counted as left', async () => {
    const metrics = (await daemon.call('GET', '/metrics')).body as string
    return /calls_total\{transport="rest",operation="file_\w*raw\w*",status="left"\} 1\n/.test(metrics)
  })
  t.notMatch(daemon.stderr(), /answer_broke_off/)
})

const failing = (name: string, run: () => EventStream | ByteStream) =>
  operation({
    name,
    title: 'Fails late',
    summary: 'Fails after its answer has begun.',
    scope: 'none',
    input: Type.Object({}),
    output: Type.Object({}),
    routes: [],
    run: async () => run(),
  })

async function* brokenFrames(error: Error): AsyncGenerator<Frame> {
  yield { event: 'first', data: {} }
  throw error
}

async function* brokenChunks(error: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.from('first')
  throw error
}

async function invoke(gate: Gate, op: ReturnType<typeof failing>): Promise<AsyncIterable<unknown>> {
  const { value } = await gate.invoke(op, {
    raw: {},
    rules: { unknown: 'report' },
    caller: { id: 'test', scopes: 'all', expiresAt: undefined },
    signal: new AbortController().signal,
    requestId: 'r-1',
    via: 'rest',
  })
  return value instanceof EventStream ? value.frames : (value as ByteStream).chunks
}

t.test('the gate makes a Fault of it, logs what is our defect, and counts the call once, as failed', async (t) => {
  const lines: string[] = []
  const log = openLog('info', { offer: (line: string) => lines.push(line) > 0 } as never)
  using daemon = openDaemon({
    stateDirectory: '/',
    limits: {},
    conditions: new Conditions(log),
    logLinesDropped: () => 0,
  })
  const gate = openGate(
    { accessFor: () => EVERYTHING } as unknown as Workspace,
    { concurrency: 1, rate: 0 },
    log,
    daemon,
  )
  const defect = new TypeError('nobody thought of this')
  const known = new Fault('not_found', 'it went away')
  for (const [name, error, run] of [
    ['frames_defect', defect, () => new EventStream('sse', brokenFrames(defect))],
    ['frames_fault', known, () => new EventStream('ndjson', brokenFrames(known))],
    ['chunks_defect', defect, () => new ByteStream({ headers: {} }, brokenChunks(defect))],
    ['chunks_fault', known, () => new ByteStream({ headers: {} }, brokenChunks(known))],
    ['chunks_short', undefined, () => new ByteStream({ headers: {}, size: 9 }, brokenChunks(known))],
    ['chunks_long', undefined, () => new ByteStream({ headers: {}, size: 2 }, brokenChunks(known))],
  ] as const) {
    lines.length = 0
    const items = await invoke(gate, failing(name, run))
    const source = items[Symbol.asyncIterator]()
    let thrown: unknown
    try {
      for (let done: boolean | undefined; done !== true;) ({ done } = await source.next())
    } catch (error) {
      thrown = error
    }
    await source.return?.()
    t.ok(thrown instanceof Fault, name)
    if (error === defect) t.match(lines.join(), /internal_error.*r-1.*nobody thought of this/, name)
    const counts = [...daemon.calls.entries()].find(([one]) => one === name)?.[1].ended.rest
    t.strictSame(counts, { '2xx': 0, '4xx': 0, '5xx': 1, left: 0 }, name)
    t.equal(gate.running, 0)
  }
})
