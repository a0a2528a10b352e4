// Output as clients follow it: every byte, then the exit; replay and live as one. A slow client holds back its terminal
// and nothing else, and one that has left holds back nothing (P-02 to P-08, P-15).

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { AHEAD_BYTES } from '../../../src/threads/terminal/ring.ts'
import type { Terminal } from '../../../src/workspace/terminals/terminal.ts'
import { follow, openTestTerminals, printed, script, settled, whole } from '../../support/terminals.ts'
import { until } from '../../support/until.ts'

const terminals = openTestTerminals(t, { limit: 64 })
const sh = (line: string) => script(terminals, line)

/** Numbered lines up to a number, as they arrive. */
const lines = (last: number): string => Array.from({ length: last }, (_, index) => `${index + 1}\r\n`).join('')

t.test('P-08 20,480 bytes and exit at once, 200 times: all of them, then the exit', async (t) => {
  const print = 'head -c 20480 /dev/zero | tr "\\0" x'
  let lost = 0
  const round = async (): Promise<void> => {
    const { text, code } = await whole(sh(`${print}; exit 7`))
    if (text.length !== 20_480 || code !== 7) lost++
  }
  for (let rounds = 0; rounds < 25; rounds++) await Promise.all(Array.from({ length: 8 }, round))
  t.equal(lost, 0)
})

t.test('P-08 the client paused across the exit loses nothing, however much was printed', async (t) => {
  for (const last of [4000, 100_000]) {
    const terminal = sh(`stty -echo; seq ${last}; exit 5`)
    using client = follow(terminal, { since: 0, paused: true })
    await settled('the terminal', () => terminal.head)
    t.equal(client.position(), 0)
    client.pause(false)
    t.equal(await client.exit, 5)
    t.ok(client.text() === lines(last), `${last} lines`)
  }
})

t.test('P-15 bytes of any value are not touched, wherever they are cut', async (t) => {
  const text = 'é€😀\u{10ffff}\u0301'.repeat(500)
  const path = join(t.testdir({ text }), 'text')
  for (const piece of [1, 2, 3, 5, 16_384]) {
    using client = follow(sh(`stty raw; cat ${path}; head -c 256 /dev/zero | tr "\\0" "\\377"`), { piece })
    t.equal(await client.exit, 0)
    t.ok(client.bytes().equals(Buffer.concat([Buffer.from(text), Buffer.alloc(256, 255)])), `${piece} at a time`)
  }
})

t.test('P-02 a client that reads no more stops its terminal, within the mark, and no other', async (t) => {
  const flood = sh('stty raw; yes 0123456789')
  using slow = follow(flood, { paused: true })
  const held = await settled('the flood', () => flood.head)
  t.ok(held >= AHEAD_BYTES && held <= AHEAD_BYTES + 65_536, `${held} bytes`)

  const echoes = Array.from({ length: 10 }, () => terminals.create({ command: ['cat'] }))
  await Promise.all(
    echoes.map(async (terminal, index) => {
      using client = follow(terminal)
      terminal.input(Buffer.from(`hello ${index}\r`))
      await printed(client, `hello ${index}\r\nhello ${index}\r\n`)
    }),
  )
  slow.pause(false)
  await until('it goes on', () => slow.position() > 10 * AHEAD_BYTES)
  const line = '0123456789\n'
  const got = slow.text()
  t.ok(got === line.repeat(Math.ceil(got.length / line.length)).slice(0, got.length), 'nothing is missing')
  slow.pause(true)
  await Promise.all([flood, ...echoes].map((terminal) => terminals.delete(terminal.id)))
})

t.test('P-04 a client that leaves while it holds the terminal back lets it go on', async (t) => {
  const path = join(t.testdir({}), 'done')
  const terminal = sh(`seq 300000; touch ${path}`)
  const client = follow(terminal, { paused: true })
  await settled('the terminal', () => terminal.head)
  t.notOk(existsSync(path))
  client[Symbol.dispose]()
  await until('it is done', () => existsSync(path))
  await terminal.ended
  t.equal(terminal.head, lines(300_000).length)
  t.equal(terminal.tail(1e9).bytes.byteLength, 65_536, 'the scrollback')
})

t.test('P-04 no client attached at all', async (t) => {
  const terminal = sh('seq 300000')
  await terminal.ended
  const all = lines(300_000)
  t.equal(terminal.head, all.length)
  t.equal(terminal.tail(20_000).bytes.toString(), all.slice(-20_000))
})

interface Visit {
  readonly from: number
  readonly text: string
}

/** Follows from an offset on, for as long as `stay` says or up to the exit. */
async function visit(terminal: Terminal, since: number, stay: Promise<unknown>): Promise<Visit> {
  using client = follow(terminal, { since })
  const from = client.position() - client.bytes().byteLength
  await Promise.race([stay, client.exit])
  return { from, text: client.text() }
}

t.test('P-05 100 disconnects during fast output: no byte twice, none missing but what is told as a gap', async (t) => {
  const terminal = sh('seq 200000; exit 2')
  const expected = lines(200_000)
  let offset = 0
  for (let round = 0; offset < expected.length; round++) {
    const { from, text } = await visit(terminal, offset, round < 100 ? pause(round % 3) : terminal.ended)
    if (from < offset) t.fail(`round ${round}: sent again`)
    if (text !== expected.slice(from, from + text.length)) t.fail(`round ${round}: something else`)
    offset = from + text.length
  }
  t.equal(offset, expected.length)
  t.match(terminal.exit ?? (await terminal.ended), { code: 2 })
})

t.test('P-05 a paced terminal, resumed 100 times by offset, is the reference byte for byte', async (t) => {
  const terminal = sh('for i in $(seq 1 40); do seq 1 2000; sleep 0.005; done')
  let offset = 0
  let text = ''
  for (let round = 0; round < 100; round++) {
    const more = await visit(terminal, offset, pause(2))
    t.equal(more.from, offset)
    text += more.text
    offset = text.length
  }
  using last = follow(terminal, { since: offset })
  await last.exit
  t.ok(text + last.text() === lines(2000).repeat(40))
})

t.test('P-06 below the ring an attachment begins later; above its end with the scrollback', async (t) => {
  const terminal = sh('stty raw; head -c 20000000 /dev/zero | tr "\\0" "\\033"; read line')
  await until('all is printed', () => terminal.head === 20_000_000)
  using old = follow(terminal, { since: 5, paused: true })
  const ring = terminal.head - old.position()
  t.ok(ring >= 262_144 && ring <= 524_288, `${ring} bytes are kept`)
  using strange = follow(terminal, { since: 1e12, paused: true })
  t.equal(terminal.head - strange.position(), 65_536)
  terminal.setScrollback(1000)
  using short = follow(terminal, { paused: true })
  t.equal(terminal.head - short.position(), 1000)
  terminal.clear()
  using none = follow(terminal, { since: 5, paused: true })
  t.equal(terminal.head - none.position(), 0)
  t.equal(terminal.tail(100).bytes.byteLength, 0)
  old.pause(false)
  t.equal(old.bytes().byteLength, ring, 'who follows already still gets all')
  terminal.input(Buffer.from('\n'))
  await terminal.ended
})

t.test('P-07 attaching during a flood: 100 seams, all tight', async (t) => {
  const terminal = sh('stty raw; yes 0123456789ABCDE')
  await until('it floods', () => terminal.head > 1_000_000)
  let wrong = 0
  for (let round = 0; round < 100; round++) {
    using client = follow(terminal)
    const start = client.position() - client.bytes().byteLength
    const replayed = client.position()
    await until('live output', () => client.position() > replayed)
    const bytes = client.text()
    const line = '0123456789ABCDE\n'
    const expected = line.repeat(bytes.length / line.length + 2).slice(start % line.length).slice(0, bytes.length) // prettier-ignore
    if (bytes !== expected) wrong++
  }
  t.equal(wrong, 0)
  await terminals.delete(terminal.id)
})

t.test('an attachment to a terminal that has ended: its scrollback, then the exit', async (t) => {
  const terminal = sh('seq 100000; exit 3')
  await terminal.ended
  using client = follow(terminal)
  t.equal(await client.exit, 3)
  t.equal(client.text(), lines(100_000).slice(-65_536))
  using again = follow(terminal, { since: terminal.head - 10 })
  t.equal(await again.exit, 3)
  t.equal(again.bytes().byteLength, 10)
})
