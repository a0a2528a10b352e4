// E-04, E-07: output and input without end, through a daemon whose memory does not follow them.

import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { anonymousRise, MIB } from '../support/growth.ts'
import { until } from '../support/until.ts'

// Run by itself (`node FILE`) a file has 30 s of tap's; under load this one takes longer.
t.setTimeout(600_000)

const DOSES = { small: 48 * MIB, large: 512 * MIB }
/** Of what comes in addition, an eighth: a daemon that keeps what passes through it keeps all. */
const MOST = (DOSES.large - DOSES.small) / 8

const yes = (bytes: number) => ['sh', '-c', `yes | head -c ${bytes}`]
const mebibytes = (bytes: number) => `${Math.round(bytes / MIB)} MiB more`

/** A command as a stream of events, whose bytes are the caller's to read. */
async function openStream(daemon: Daemon, body: object): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const sent = request(`${daemon.url}/exec`, { method: 'POST', headers })
  sent.end(JSON.stringify({ ...body, stream: true }))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return response
}

/** Reads to the end; how many characters came, and the last of them. */
async function drain(stream: IncomingMessage): Promise<{ length: number; end: string }> {
  let length = 0
  let end = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length
    end = (end + chunk.toString('latin1')).slice(-200)
  }
  return { length, end }
}

/** The last task in the list, once its status is this. */
async function lastTask(daemon: Daemon, status: string): Promise<{ readonly id: string }> {
  const last = async () => (await daemon.call('GET', '/exec')).body.tasks.at(-1)
  await until(`the task has ${status}`, async () => (await last()).status === status)
  return await last()
}

t.test('E-04 much output, buffered: capped and flagged', async (t) => {
  const daemon = await startDaemon(t)
  const rise = await anonymousRise(daemon.pid, DOSES, async (bytes) => {
    const { body } = await daemon.call('POST', '/exec', { command: yes(bytes) })
    t.match(body, { exit_code: 0, stdout_truncated: true, stdout_bytes: bytes })
    t.equal(body.stdout.length, 16 * MIB)
  })
  t.ok(rise < MOST, mebibytes(rise))
})

t.test('E-04 much output, streamed to one who reads', async (t) => {
  const daemon = await startDaemon(t)
  const rise = await anonymousRise(daemon.pid, DOSES, async (bytes) => {
    const { length, end } = await drain(await openStream(daemon, { command: yes(bytes) }))
    t.ok(length > bytes, 'as base64')
    t.match(end, /event: exit\n.*"exit_code": ?0/)
  })
  t.ok(rise < MOST, mebibytes(rise))
})

t.test('E-04 much output, streamed to one who has left: the command is not held up', async (t) => {
  const daemon = await startDaemon(t)
  const rise = await anonymousRise(daemon.pid, DOSES, async (bytes) => {
    const stream = await openStream(daemon, { command: yes(bytes) })
    await once(stream, 'data')
    stream.destroy()
    const { id } = await lastTask(daemon, 'exited')
    t.match((await daemon.call('GET', `/exec/${id}`)).body, { exit_code: 0, stdout_bytes: bytes })
    t.match(await daemon.call('DELETE', `/exec/${id}`), { status: 200 })
  })
  t.ok(rise < MOST, mebibytes(rise))
})

t.test('E-04 much output, streamed to one who does not read: the command waits, and memory with it', async (t) => {
  const daemon = await startDaemon(t)
  const stream = await openStream(daemon, { command: yes(DOSES.large), timeout_seconds: 3 })
  stream.pause()
  const { id } = await lastTask(daemon, 'failed')
  const { body } = await daemon.call('GET', `/exec/${id}`)
  t.match(body, { exit_code: 124, timed_out: true })
  // What the kernel keeps for a connection that is not read, on both sides, and what the daemon does.
  t.ok(body.stdout_bytes < 32 * MIB, `${body.stdout_bytes} bytes were taken from the command`)
  const { length, end } = await drain(stream.resume())
  t.ok(length > body.stdout_bytes, 'what was taken arrives')
  t.match(end, /event: exit\n.*"exit_code": ?124/)
})

t.test('E-07 much stdin passes through without staying', async (t) => {
  const daemon = await startDaemon(t)
  function* zeros(bytes: number) {
    for (let sent = 0; sent < bytes; sent += 65_536) yield Buffer.alloc(65_536)
  }
  const rise = await anonymousRise(daemon.pid, DOSES, async (bytes) => {
    const { body } = await daemon.call('POST', '/exec', { command: ['wc', '-c'], background: true })
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' }
    const sent = request(`${daemon.url}/exec/${body.id}/input?eof=true`, { method: 'POST', headers })
    const answered = once(sent, 'response')
    await pipeline(Readable.from(zeros(bytes)), sent)
    const [response] = (await answered) as [IncomingMessage]
    t.match(JSON.parse((await response.toArray()).join('')), { bytes_written: bytes })
    await lastTask(daemon, 'exited')
    t.equal((await daemon.call('GET', `/exec/${body.id}`)).body.stdout, `${bytes}\n`)
    await daemon.call('DELETE', `/exec/${body.id}`)
  })
  t.ok(rise < MOST, mebibytes(rise))
})
