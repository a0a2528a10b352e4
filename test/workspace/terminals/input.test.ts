// Input at the program's pace: all of it or a refusal, in a bounded queue, without a deadlock and without burning a
// processor while no client reads (P-10).

import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { INPUT_BYTES } from '../../../src/workspace/terminals/terminal.ts'
import { follow, openTestTerminals, printed, script, settled } from '../../support/terminals.ts'
import { until } from '../../support/until.ts'

const terminals = openTestTerminals(t)
const sh = (line: string) => script(terminals, line)

/** CPU time of this process, all threads, over half a second of wall time: a share of one core. */
async function load(): Promise<number> {
  const began = performance.now()
  const before = process.cpuUsage()
  await pause(500)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / (performance.now() - began)
}

t.test('P-10 a paste of 1 MiB into raw cat comes back whole', async (t) => {
  const terminal = sh('stty raw -echo; echo ready; exec cat')
  using client = follow(terminal)
  await printed(client, 'ready\n')
  const sent = randomBytes(INPUT_BYTES)
  terminal.input(sent)
  t.throws(() => terminal.input(Buffer.alloc(INPUT_BYTES)), { code: 'rate_limited', retryAfter: 1 })
  await until('all of it is back', () => client.position() === INPUT_BYTES + 6)
  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  t.equal(hash(client.bytes().subarray(6)), hash(sent))
  t.equal(terminal.queued, 0)
  await terminals.delete(terminal.id)
})

t.test('P-10 into a program that never reads: bounded, refused above, idle; others are served', async (t) => {
  const terminal = sh('stty raw -echo; echo ready; exec sleep 1000')
  using client = follow(terminal)
  await printed(client, 'ready\n')
  terminal.input(Buffer.alloc(INPUT_BYTES, 'x'))
  const queued = await settled('the queue', () => terminal.queued)
  t.ok(queued > INPUT_BYTES - 100_000, `${queued} bytes wait`)
  t.throws(() => terminal.input(Buffer.alloc(INPUT_BYTES - queued + 1)), { code: 'rate_limited', message: /1048576/ })
  const share = await load()
  t.ok(share < 0.2, `${share} of a core`)
  const other = terminals.create({ command: ['cat'] })
  using echo = follow(other)
  other.input(Buffer.from('still here\r'))
  await printed(echo, 'still here\r\nstill here')
  await Promise.all([terminals.delete(terminal.id), terminals.delete(other.id)])
})

t.test('P-10 a line of 64 KiB in canonical mode: cut by the system, and nothing hangs', async (t) => {
  const terminal = sh('read line; echo ${#line} characters; exit 4')
  using client = follow(terminal)
  terminal.input(Buffer.alloc(65_536, 'x'))
  terminal.input(Buffer.from('\r'))
  t.equal(await client.exit, 4)
  // What the system still echoes may come after it.
  t.match(client.text(), /4095 characters\r\n/)
})

t.test('P-10 echo that no client takes holds the input, not the daemon', async (t) => {
  const terminal = sh('stty raw echo; echo ready; exec cat >/dev/null')
  using client = follow(terminal, { paused: true })
  await until('it is ready', () => terminal.head > 0)
  terminal.input(Buffer.alloc(INPUT_BYTES, 'y'))
  await settled('the echo', () => terminal.head)
  const share = await load()
  t.ok(share < 0.2, `${share} of a core`)
  client.pause(false)
  await until('all has been typed', () => terminal.queued === 0)
  await terminals.delete(terminal.id)
})

t.test('input is taken in order, from slices of larger memory', async (t) => {
  const terminal = sh('stty raw -echo; echo ready; exec cat')
  using client = follow(terminal)
  await printed(client, 'ready\n')
  const memory = Buffer.from('0123456789')
  for (let round = 0; round < 500; round++) terminal.input(memory.subarray(round % 10, (round % 10) + 1))
  memory.fill('!')
  terminal.input(Buffer.alloc(0))
  await printed(client, '0123456789'.repeat(50))
  t.equal(client.position(), 506)
  await terminals.delete(terminal.id)
})
