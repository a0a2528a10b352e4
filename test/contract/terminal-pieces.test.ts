// Input in the smallest pieces over /ws: it costs its bytes and nothing else, no other client waits for it, and input
// that the program does not read is refused with numbers.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { socketOf } from '../support/live-screen.ts'
import { until } from '../support/until.ts'
import { view } from '../support/viewer.ts'

/** As many as may wait at once. */
const PIECES = 1024 * 1024
const MIB = 1024 * 1024

async function open(daemon: Daemon, line: string): Promise<number> {
  const { body } = await daemon.call('POST', '/terminals', { command: ['sh', '-c', line] })
  return Number(body.id)
}

/** Binary frames of a client with one byte each, masked with zeros, ready to be sent in one go. */
function frames(id: number, bytes: Uint8Array): Buffer {
  const frame = Buffer.from([0x82, 0x82, 0, 0, 0, 0, id, 0])
  const all = Buffer.alloc(bytes.length * frame.length)
  bytes.forEach((byte, index) => {
    frame[7] = byte
    frame.copy(all, index * frame.length)
  })
  return all
}

const rawSocket = (viewer: Awaited<ReturnType<typeof view>>) =>
  (viewer.socket as unknown as { readonly _socket: { write(bytes: Uint8Array): boolean } })._socket // frames made by hand

const resident = ({ pid }: Daemon): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024

t.test('1,048,576 pieces of one byte arrive whole, and an echo elsewhere does not wait for them', async (t) => {
  const daemon = await startDaemon(t)
  const typist = await view(t, socketOf(daemon), '&mode=shared')
  const other = await view(t, socketOf(daemon), '&mode=shared')
  const busy = await open(daemon, `stty raw -echo; echo ready; head -c ${PIECES} | sha1sum; echo over; exec sleep 1000`)
  const quick = await open(daemon, 'exec cat')
  await until('it is ready', () => typist.text(busy).includes('ready'))
  const bytes = Buffer.from(Uint8Array.from({ length: PIECES }, (_, index) => (index * 7) % 251))
  const order: string[] = []
  other.onOutput = (id, output) => {
    if (id === quick && output.includes('hello')) order.push('echo')
    if (id === busy && output.includes('over')) order.push('flood')
  }
  const all = frames(busy, bytes)
  const half = all.length / 2
  rawSocket(typist).write(all.subarray(0, half))
  await until('some are there', async () => (await daemon.call('GET', '/terminals')).status === 200)
  other.type(quick, 'hello\r')
  await until('the echo', () => order.includes('echo'))
  rawSocket(typist).write(all.subarray(half))
  await until('the end', () => order.includes('flood'), 60_000)
  t.strictSame(order.slice(0, 1), ['echo'])
  t.match(typist.text(busy), createHash('sha1').update(bytes).digest('hex'))
  t.strictSame(typist.errors(), [])
})

t.test('a program that never reads: the memory of its bytes, and a refusal that says how many wait', async (t) => {
  const daemon = await startDaemon(t)
  const typist = await view(t, socketOf(daemon), '&mode=shared')
  const id = await open(daemon, 'stty raw -echo; echo ready; exec sleep 1000')
  await until('it is ready', () => typist.text(id).includes('ready'))
  rawSocket(typist).write(frames(id, Buffer.alloc(20_000, 'x'))) // the way is warm
  await typist.settled()
  const before = resident(daemon)
  rawSocket(typist).write(frames(id, Buffer.alloc(PIECES - 20_000, 'x')))
  await typist.settled()
  const grown = resident(daemon) - before
  t.ok(grown < 48 * MIB, `${Math.round(grown / MIB)} MiB for 1 MiB of input`)
  typist.type(id, Buffer.alloc(100_000, 'x')) // the system took some of it
  await until('a refusal', () => typist.errors().length > 0)
  t.match(typist.errors()[0], { code: 'rate_limited', id: String(id), message: /has \d+ bytes of input.*1048576/ })
  const again = await daemon.call('DELETE', `/terminals/${id}`)
  t.equal(again.status, 200)
})
