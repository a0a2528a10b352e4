// Real terminals behind /ws: clients that come, go, stop reading and come back (guarantees.md#terminals-p).

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { liveTerminals } from '../../support/live-terminals.ts'
import { until } from '../../support/until.ts'
import { view } from '../../support/viewer.ts'

t.test('type, resize, exit: a terminal as a client sees it', async (t) => {
  const { url, run } = await liveTerminals(t)
  const viewer = await view(t, url)
  const { id } = run('while read line; do stty size; echo "got $line"; test "$line" = end && exit 7; done')
  viewer.say({ channel: 'terminal', type: 'resize', id: String(id), cols: 99, rows: 33 })
  viewer.type(id, 'α\n')
  await until('an answer', () => /33 99\r\ngot α\r\n/.test(viewer.text(id)))
  viewer.type(id, 'end\n')
  t.match(await viewer.next('exit', id), { id: String(id), code: 7 })
  t.match(viewer.text(id), /got end\r\n$/)
  const again = await view(t, url)
  await again.next('exit', id)
  t.equal(again.text(id), viewer.text(id), 'the next client is shown the same')
})

t.test('P-08 print and exit at once, also while the client reads nothing: every byte, then the exit', async (t) => {
  const { url, run } = await liveTerminals(t)
  const viewer = await view(t, url)
  for (let round = 0; round < 60; round++) {
    const paused = round % 3 === 0
    if (paused) viewer.socket.pause()
    const terminal = run('head -c 20480 /dev/zero | tr "\\0" x; exit 3')
    if (paused) await terminal.ended
    if (paused) viewer.socket.resume()
    const { id } = terminal
    await until('exit', () => viewer.of('exit', id).length > 0)
    if (viewer.output(id).length !== 20_480) t.equal(viewer.output(id).length, 20_480, `round ${round}`)
  }
  t.match(viewer.frames.at(-1), { type: 'exit', code: 3 })
})

t.test('P-04 a client that stops reading and then leaves freezes nothing', async (t) => {
  const { url, run } = await liveTerminals(t)
  const done = join(t.testdir(), 'done')
  const viewer = await view(t, url)
  // More than the kernel buffers for a connection whose client does not read.
  const terminal = run(`head -c 25000000 /dev/zero | tr "\\0" x; touch ${done}`)
  viewer.socket.pause()
  let head = -1
  await until('it waits for the client', async () => {
    const before = head
    head = terminal.head
    await new Promise((resolve) => setTimeout(resolve, 200))
    return head === before && head === terminal.head
  })
  t.notOk(existsSync(done))
  viewer.socket.terminate()
  await until('it runs on', () => existsSync(done))
})

t.test('P-05 200 disconnects at any byte: with offsets nothing is lost and nothing comes twice', async (t) => {
  const { url, run } = await liveTerminals(t)
  const rounds = 200
  const block = (i: number): string => Array.from({ length: 1000 }, (_, line) => `${i * 1000 + line}\r\n`).join('')
  const reference = Buffer.from(Array.from({ length: rounds }, (_, i) => block(i)).join(''))
  const terminal = run('stty -echo; i=0; while read line; do seq $((i * 1000)) $((i * 1000 + 999)); i=$((i + 1)); done')
  const { id } = terminal
  const seen: Buffer[] = []
  let offset = 0
  for (let round = 0; offset < reference.length; round++) {
    if (round < rounds) terminal.input(Buffer.from('\n'))
    const viewer = await view(t, url, `&since=${id}:${offset}`)
    const most = round < rounds ? Math.floor(Math.random() * 12_000) : Infinity
    const start = offset
    await until('enough, or all there is', () => {
      const { length } = viewer.output(id)
      return (
        length >= most || start + length === reference.length || (most < Infinity && start + length === terminal.head)
      )
    })
    viewer.socket.terminate()
    if (viewer.of('gap', id).length > 0) t.fail('a gap, though the ring holds it all')
    const [replay] = viewer.of('replay', id)
    if (replay !== undefined && replay.from !== offset) t.fail(`went on at ${replay.from} instead of ${offset}`)
    seen.push(viewer.output(id))
    offset += viewer.output(id).length
  }
  t.ok(Buffer.concat(seen).equals(reference), 'the whole output, byte for byte')
})

t.test('X-07 one terminal floods: another answers, and a bad frame is answered, meanwhile', async (t) => {
  const { url, run } = await liveTerminals(t)
  const viewer = await view(t, url)
  viewer.onOutput = () => undefined
  const flood = run('yes | head -c 200000000')
  const echo = run('stty -echo; echo ready; while read line; do echo "<$line>"; done')
  let echoed = ''
  viewer.onOutput = (id, bytes) => {
    if (id === echo.id) echoed += bytes.toString()
  }
  await until('both run', () => echoed.includes('ready') && flood.head > 1024 * 1024)
  for (let i = 0; i < 20; i++) {
    viewer.type(echo.id, `${i}\n`)
    await until('echo', () => echoed.includes(`<${i}>`))
  }
  viewer.socket.send('{')
  await until('an error frame', () => viewer.errors().length === 1)
  t.ok(flood.alive, 'the flood goes on')
  viewer.say({ channel: 'terminal', type: 'close', id: flood.id })
  t.match(await viewer.next('exit', flood.id), { code: 129 })
})
