// Frames that clients of /ws get and may send, with terminals and watchers that the test plays.

import t, { type Test } from 'tap'
import { HS256, jwtOf } from '../../support/jwt.ts'
import { TOKEN } from '../../support/daemon.ts'
import { openSocketServer } from '../../support/socket-server.ts'
import { until } from '../../support/until.ts'
import { refusedUpgrade, view, type Viewer } from '../../support/viewer.ts'

const ready = (watcher: string) => ({ type: 'ready', watcher, root: '/r', dirs: 1, resync: false }) as const

/** Returns the frames in short: `replay 1 0-5`, `output 1`, `exit 1 0`. Adjacent pieces of output are one. */
function story(viewer: Viewer): string[] {
  const lines = viewer.frames.map((frame) => {
    if (!('channel' in frame)) return `output ${frame.output}`
    const { type, channel, id, from, to, code, watcher_id } = frame
    if (channel === 'watcher') return `${type} w${watcher_id}`
    if (channel === 'error') return `error ${code}${id === undefined ? '' : ` ${id}`}`
    return type === 'exit' ? `exit ${id} ${code}` : `${type} ${id} ${from}-${to}`
  })
  return lines.filter((line, i) => line !== lines[i - 1])
}

t.test('on connect: watchers are ready, sessions are replayed, the dead have ended', async (t) => {
  const { url, terminals, watchers } = await openSocketServer(t)
  watchers.ready.push(ready('4'))
  terminals.create(1).print('one\r\n')
  const dead = terminals.create(2)
  dead.print('two')
  dead.exit(3)
  terminals.create(200)
  const viewer = await view(t, url)
  await viewer.next('exit', 2)
  await viewer.settled()
  t.strictSame(story(viewer)[0], 'ready w4', 'first')
  t.strictSame(
    story(viewer).filter((line) => / 1( |$)/.test(line)),
    ['replay 1 0-5', 'output 1'],
  )
  t.strictSame(
    story(viewer).filter((line) => / 2( |$)/.test(line)),
    ['replay 2 0-3', 'output 2', 'exit 2 3'],
  )
  t.ok(story(viewer).includes('replay 200 0-0'))
  t.equal(viewer.text(1) + viewer.text(2), 'one\r\ntwo')
})

t.test('a terminal that is created later is announced; its bytes and its exit come in order', async (t) => {
  const { url, terminals } = await openSocketServer(t)
  const viewer = await view(t, url)
  const terminal = terminals.create(7)
  terminal.print(Buffer.from([0xff, 0x00, 0xc3]))
  terminal.print(Buffer.from([0xa4]))
  terminal.exit(0)
  await viewer.next('exit')
  t.strictSame(story(viewer), ['replay 7 0-0', 'output 7', 'exit 7 0'])
  t.strictSame(viewer.output(7), Buffer.from([0xff, 0x00, 0xc3, 0xa4]), 'P-15 bytes are untouched')
  await until('it is left alone', () => terminal.attached === 0)
})

t.test('input, resize and close reach the terminal; what cannot is answered', async (t) => {
  const { url, terminals } = await openSocketServer(t)
  const terminal = terminals.create(3)
  const viewer = await view(t, url)
  viewer.type(3, 'ls\r')
  viewer.say({ channel: 'terminal', type: 'resize', id: '3', cols: 100, rows: 30 })
  viewer.say({ channel: 'terminal', type: 'resize', id: 3, cols: 101, rows: 31 })
  await viewer.settled()
  t.strictSame(terminal.typed, ['ls\r'])
  t.strictSame(terminal.sizes, ['100x30', '101x31'])
  viewer.say({ channel: 'terminal', type: 'close', id: 3 })
  t.match(await viewer.next('exit', 3), { code: 129 })
  viewer.type(3, 'x')
  viewer.type(9, 'x')
  viewer.say({ channel: 'terminal', type: 'close', id: 9 })
  viewer.say({ channel: 'terminal', type: 'nonsense', id: 9, request_id: 'r1' })
  await until('errors', () => viewer.errors().length === 4)
  t.match(
    viewer.errors().toSorted((a, b) => String(a.code).localeCompare(String(b.code))),
    [
      { code: 'bad_request', id: '9', request_id: 'r1' },
      { code: 'conflict', id: '3' },
      { code: 'not_found', id: '9' },
      { code: 'not_found', id: '9' },
    ],
  )
  t.strictSame(terminal.typed, ['ls\r'])
})

t.test('P-14 frames that are empty, short, unknown or late are never delivered elsewhere', async (t) => {
  const { url, terminals } = await openSocketServer(t)
  const old = terminals.create(5)
  // The client answers no ping, so it has not confirmed that it saw the exit.
  const viewer = await view(t, url, '', { autoPong: false })
  viewer.socket.send(Buffer.alloc(0))
  viewer.socket.send(Buffer.of(5))
  viewer.type(6, 'x')
  await until('errors', () => viewer.errors().length === 3)
  t.match(viewer.errors(), [{ id: undefined }, { id: '5' }, { id: '6', code: 'not_found' }])
  old.exit(0)
  await viewer.next('exit', 5)
  viewer.type(5, 'late')
  const next = terminals.create(5)
  viewer.type(5, 'meant for the old one')
  await until('errors', () => viewer.errors().length === 5)
  t.match(viewer.errors().slice(3), [
    { code: 'conflict', id: '5' },
    { code: 'conflict', id: '5' },
  ])
  next.print('new')
  await until('the new one is seen', () => viewer.text(5) === 'new')
  t.strictSame([...old.typed, ...next.typed], [])
  viewer.socket.pong('1')
  viewer.type(5, 'for the new one')
  await until('typed', () => next.typed.length === 1)
  t.strictSame(next.typed, ['for the new one'])
})

t.test('an id that is taken over before its old terminal was seen to its end', async (t) => {
  const { url, terminals } = await openSocketServer(t)
  const old = terminals.create(5)
  const viewer = await view(t, url)
  const next = terminals.create(5)
  next.print('new')
  old.print('old')
  old.exit(1)
  await until('both', () => viewer.text(5) === 'oldnew')
  t.strictSame(story(viewer), ['replay 5 0-0', 'output 5', 'exit 5 1', 'replay 5 0-3', 'output 5'])
})

t.test('since: goes on where the client was, without a seam; gaps are announced', async (t) => {
  const { url, terminals } = await openSocketServer(t)
  const whole = terminals.create(1)
  const short = terminals.create(2, 4)
  whole.print('0123456789')
  short.print('0123456789')
  terminals.create(3).print('abc')
  const viewer = await view(t, url, '&since=1:4,2:3,3:99')
  await until('all', () => viewer.text(3) === 'abc')
  await viewer.settled()
  t.ok(story(viewer).includes('replay 1 4-10'))
  t.equal(viewer.text(1), '456789')
  t.strictSame(
    story(viewer).filter((line) => / 2( |$)/.test(line)),
    ['gap 2 3-6', 'replay 2 6-10', 'output 2'],
  )
  t.equal(viewer.text(2), '6789')
  t.ok(story(viewer).includes('replay 3 0-3'), 'an offset that never was: from the beginning')
  t.match(viewer.of('gap', 2), [{ reason: 'ring', life: 'life-of-2' }])
})

t.test('since with a life: the offset of another life is none, and that is told', async (t) => {
  const { url, terminals } = await openSocketServer(t)
  terminals.create(1).print('0123456789')
  terminals.create(2).print('0123456789')
  terminals.create(3, 4).print('0123456789')
  const viewer = await view(t, url, '&since=1:4:life-of-1,2:7:former,3:1:former')
  await until('all', () => viewer.text(3) === '6789')
  await viewer.settled()
  t.strictSame(
    [1, 2, 3].map((id) => story(viewer).filter((line) => line.split(' ')[1] === String(id))),
    [
      ['replay 1 4-10', 'output 1'],
      ['gap 2 7-0', 'replay 2 0-10', 'output 2'],
      ['gap 3 1-0', 'gap 3 0-6', 'replay 3 6-10', 'output 3'],
    ],
  )
  t.match(viewer.of('gap', 2), [{ reason: 'restarted', life: 'life-of-2' }])
  t.match(viewer.of('gap', 3), [{ reason: 'restarted' }, { reason: 'ring' }])
  t.match(viewer.of('replay', 1), [{ life: 'life-of-1' }])
  const preludes = [1, 2, 3].map((id) => Buffer.from(viewer.of('replay', id)[0]?.prelude ?? '?', 'base64').toString())
  t.strictSame(preludes, ['state before 4', '', 'state before 6'])
})

t.test('an error names the frame that it answers, however late it is found', async (t) => {
  const { url, terminals } = await openSocketServer(t)
  terminals.create(1).exit(0)
  terminals.create(2)
  const viewer = await view(t, url)
  await viewer.next('exit', 1)
  const resize = { channel: 'terminal', type: 'resize', cols: 80, rows: 24 }
  viewer.say({ ...resize, id: '200', request_id: 'unknown' })
  viewer.say({ ...resize, id: 1, request_id: 'ended' })
  viewer.say({ channel: 'terminal', type: 'ack', id: 2, offset: 1, request_id: 'no acks' })
  viewer.say({ channel: 'terminal', type: 'close', id: '9', request_id: 'never there' })
  viewer.say({ ...resize, id: 2, cols: 0, request_id: 'malformed' })
  await until('all are answered', () => viewer.errors().length === 5)
  t.strictSame(
    viewer
      .errors()
      .map(({ id, code, request_id }) => `${request_id}: ${code} ${id}`)
      .toSorted(),
    [
      'ended: conflict 1',
      'malformed: bad_request 2',
      'never there: not_found 9',
      'no acks: bad_request 2',
      'unknown: not_found 200',
    ],
  )
})

t.test('frames of watchers overtake output', async (t) => {
  const { url, terminals, watchers } = await openSocketServer(t)
  const viewer = await view(t, url)
  const terminal = terminals.create(1)
  terminal.print(Buffer.alloc(4 * 1024 * 1024))
  const change = { channel: 'watcher', type: 'change', watcher_id: '1', path: '/r/a', op: 'create' }
  const json = '{"path":"/r/a","op":"create"}'
  watchers.tell({ type: 'change', watcher: '1', json, hidden: false })
  t.strictSame(await viewer.next('change'), change)
  const at = viewer.frames.findIndex((frame) => 'channel' in frame && frame.type === 'change')
  t.ok(at < 250, `it was frame ${at}, of 256 and more of output`)
  viewer.socket.close()
  await until('it is unsubscribed', () => watchers.subscribers === 0)
})

t.test('P-02 flow=ack: never more than the window, nothing lost, others are not delayed', async (t) => {
  const { url, terminals } = await openSocketServer(t)
  const flood = terminals.create(1)
  const echo = terminals.create(2)
  const viewer = await view(t, url, '&flow=ack')
  flood.print(Buffer.alloc(1024 * 1024, 'x'))
  const window = 256 * 1024
  await until('the window is used up', () => viewer.output(1).length === window)
  echo.print('still here')
  await until('echo', () => viewer.text(2) === 'still here')
  t.equal(viewer.output(1).length, window)
  for (let acked = 64 * 1024; acked <= 1024 * 1024; acked += 64 * 1024) {
    viewer.say({ channel: 'terminal', type: 'ack', id: '1', offset: acked })
    await viewer.settled()
    t.ok(viewer.output(1).length <= acked + window)
    await until('more', () => viewer.output(1).length === Math.min(1024 * 1024, acked + window))
  }
  viewer.say({ channel: 'terminal', type: 'ack', id: '1', offset: 2 ** 30 })
  await until('refused', () => viewer.errors().length === 1)
  t.match(viewer.errors(), [{ code: 'bad_request', id: '1', message: /has sent up to 1048576/ }])
})

t.test('P-03 a reader that stops acknowledging is closed with 1013, and only that one', async (t) => {
  const { url, terminals } = await openSocketServer(t, { rules: { tickMs: 5 } })
  const terminal = terminals.create(1)
  const lazy = await view(t, url, '&mode=shared&flow=ack')
  const other = await view(t, url, '&mode=shared')
  terminal.print(Buffer.alloc(300 * 1024))
  t.match(await lazy.closed(), { code: 1013 })
  await until('the other has it all', () => other.output(1).length === 300 * 1024)
  t.equal(terminal.attached, 1, 'detached')
  t.equal(other.socket.readyState, other.socket.OPEN)
  terminal.print('more')
  await until('goes on', () => other.output(1).length === 300 * 1024 + 4)
})

t.test('a client that acknowledges is not closed, however slow', async (t) => {
  const { url, terminals } = await openSocketServer(t, { rules: { tickMs: 5 } })
  terminals.create(1).print(Buffer.alloc(300 * 1024))
  const viewer = await view(t, url, '&flow=ack')
  for (let offset = 1; offset <= 20; offset++) {
    viewer.say({ channel: 'terminal', type: 'ack', id: 1, offset })
    // 20 of the 60 ticks after which the client would be stalled
    const pings = offset
    await until('time passes', () => viewer.output(1).length >= 256 * 1024 && pings > 0)
    await viewer.settled()
  }
  t.equal(viewer.socket.readyState, viewer.socket.OPEN)
})

t.test('X-06 a client that answers no ping is freed; one that answers stays', async (t) => {
  const { url, hub, terminals } = await openSocketServer(t, { rules: { tickMs: 5 } })
  const terminal = terminals.create(1)
  const frozen = await view(t, url, '&mode=shared', { autoPong: false })
  const lively = await view(t, url, '&mode=shared')
  await frozen.closed()
  t.equal(hub.size, 1)
  t.equal(terminal.attached, 1)
  t.equal(lively.socket.readyState, lively.socket.OPEN)
})

t.test('X-06 a client that reads nothing is freed, whatever waits for it', async (t) => {
  const { url, hub, terminals } = await openSocketServer(t, { rules: { tickMs: 10 } })
  const terminal = terminals.create(1)
  const viewer = await view(t, url)
  viewer.socket.pause()
  terminal.print(Buffer.alloc(32 * 1024 * 1024))
  await until('freed', () => hub.size === 0)
  t.equal(terminal.attached, 0)
})

t.test('X-05 pings without end: a budget of pongs, then 1008', async (t) => {
  const { url } = await openSocketServer(t)
  const viewer = await view(t, url)
  let pongs = 0
  viewer.socket.on('pong', () => pongs++)
  for (let i = 0; i < 20_000; i++) viewer.socket.ping()
  t.match(await viewer.closed(), { code: 1008 })
  t.ok(pongs > 0 && pongs <= 1000, `${pongs} pongs`)
})

t.test('X-09 more than 100 refused frames in a minute close the socket with 1008', async (t) => {
  const { url } = await openSocketServer(t)
  const viewer = await view(t, url)
  for (let i = 0; i < 100; i++) viewer.socket.send('{')
  await until('all are answered', () => viewer.errors().length === 100)
  t.equal(viewer.socket.readyState, viewer.socket.OPEN)
  viewer.socket.send('{')
  t.match(await viewer.closed(), { code: 1008 })
})

t.test('A-14 a credential that has expired keeps its socket for 60 s more, then 4401', async (t) => {
  const jwt = { secret: HS256, toleranceSeconds: 60 }
  const { url, terminals } = await openSocketServer(t, { jwt, rules: { tickMs: 5 } })
  const terminal = terminals.create(1)
  const soon = jwtOf({ exp: Math.floor(Date.now() / 1000) - 58 })
  const later = jwtOf({ exp: Math.floor(Date.now() / 1000) + 600 })
  const dying = await viewWith(t, url, soon)
  const living = await viewWith(t, url, later)
  t.match(await dying.closed(), { code: 4401 })
  t.equal(living.socket.readyState, living.socket.OPEN)
  t.equal(terminal.attached, 1)
})

t.test('scopes: a credential sees what it may', async (t) => {
  const jwt = { secret: HS256, toleranceSeconds: 0 }
  const { url, terminals, watchers } = await openSocketServer(t, { jwt })
  const exp = Math.floor(Date.now() / 1000) + 600
  watchers.ready.push(ready('1'))
  terminals.create(1)
  const watching = await viewWith(t, url, jwtOf({ exp, scope: 'watch' }))
  const viewing = await viewWith(t, url, jwtOf({ exp, scope: 'terminal' }))
  await watching.next('ready')
  await viewing.next('replay')
  watching.type(1, 'x')
  await until('refused', () => watching.errors().length === 1)
  t.match(watching.errors(), [{ code: 'forbidden' }])
  t.strictSame(story(watching), ['ready w1', 'error forbidden 1'])
  t.strictSame(story(viewing), ['replay 1 0-0'])
  t.match(await refusedUpgrade(`${url}?token=${jwtOf({ exp, scope: 'files:read' })}`), { status: 403 })
})

t.test('limits: sockets per credential, and none while stopping', async (t) => {
  const { url, hub } = await openSocketServer(t, { rules: { socketsPerCredential: 2 } })
  const one = await view(t, url, '&mode=shared')
  await view(t, url, '&mode=shared')
  t.match(await refusedUpgrade(`${url}?token=${TOKEN}&mode=shared`), { status: 429 })
  one.socket.close()
  await until('one has left', () => hub.size === 1)
  const again = await view(t, url, '&mode=shared')
  await hub.goAway()
  t.match(await again.closed(), { code: 1001 })
  t.match(await refusedUpgrade(`${url}?token=${TOKEN}`), { status: 503 })
})

async function viewWith(t: Test, url: string, token: string): Promise<Viewer> {
  return await view(t, url, '&mode=shared', { token })
}
