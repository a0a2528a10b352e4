// npm oblien's live half against the running daemon: terminals and watchers over REST, and both over its
// WebSocket, as its own users write it.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Runtime } from 'oblien/runtime'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

interface WatcherEvent {
  readonly type: string
  readonly watcher_id: string
  readonly path?: string
  readonly op?: string
}

/** The SDK's socket, with everything its handlers were given. */
interface Live {
  readonly rt: Runtime
  readonly ws: ReturnType<Runtime['ws']>
  readonly exits: { readonly id: string; readonly code: number }[]
  readonly events: WatcherEvent[]
  readonly messages: Record<string, unknown>[]
  readonly closes: number[]
  readonly text: (id: string) => string
}

async function connect(t: Test, daemon: Daemon, options: { reconnect: boolean } = { reconnect: false }): Promise<Live> {
  const rt = new Runtime({ token: TOKEN, baseUrl: daemon.url })
  const ws = rt.ws({ ...options, reconnectDelay: 20 })
  const output = new Map<string, Buffer[]>()
  const live: Live = {
    rt,
    ws,
    exits: [],
    events: [],
    messages: [],
    closes: [],
    text: (id) => Buffer.concat(output.get(id) ?? []).toString(),
  }
  ws.onTerminalOutput((id, bytes) => output.set(id, [...(output.get(id) ?? []), Buffer.from(bytes)]))
    .onTerminalExit((id, code) => live.exits.push({ id, code }))
    .onWatcherEvent((event) => live.events.push(event))
    .onMessage((message) => live.messages.push(message))
    .onClose((code) => live.closes.push(code ?? 0))
  t.teardown(() => ws.close())
  ws.connect()
  await until('the socket is open', () => ws.connected)
  return live
}

t.test('terminal: create, connect, type, resize, exit code, delete', async (t) => {
  const daemon = await startDaemon(t)
  const rt = new Runtime({ token: TOKEN, baseUrl: daemon.url })
  // As a known client does it: the terminal comes first, the socket after; the first prompt must not be lost.
  const created = await rt.terminal.create({ cmd: ['sh', '-c', 'echo first; exec sh'], cols: 90, rows: 25 })
  t.match(created, { id: /^\d+$/, cols: 90, rows: 25, command: ['sh', '-c', 'echo first; exec sh'] })
  const { id } = created
  const { ws, text, exits } = await connect(t, daemon)
  await until('the first output', () => text(id).includes('first\r\n'))
  ws.writeTerminalInput(id, 'stty size\n')
  await until('its size', () => text(id).includes('25 90\r\n'))
  ws.resizeTerminal(id, 132, 43)
  ws.writeTerminalInput(Number(id), 'stty size; printf "caf\\303\\251 %s\\n" done\n')
  await until('its new size', () => text(id).includes('43 132\r\ncafé done\r\n'))
  t.match(
    (await rt.terminal.list()).find((one) => one.id === id),
    { cols: 132, rows: 43, alive: true, exit_code: 0 },
  )
  const back = await rt.terminal.scrollback(id)
  t.match(Buffer.from(back.scrollback, 'base64').toString(), /^first\r\n[^]*café done\r\n/)
  ws.writeTerminalInput(id, 'exit 5\n')
  await until('its exit', () => exits.length === 1)
  t.strictSame(exits, [{ id, code: 5 }])
  t.match(await rt.terminal.scrollback(id), { alive: false, exit_code: 5 })
  const other = await rt.terminal.create({ cmd: ['sleep', '60'] })
  await rt.terminal.close(other.id)
  await until('the exit of one that was deleted', () => exits.length === 2)
  t.strictSame(exits[1], { id: other.id, code: 129 })
  t.match(await rt.terminal.close(id), { success: true, terminal_id: id })
  await t.rejects(rt.terminal.close(id), { name: 'NotFoundError' })
})

t.test('reconnect restores the screen; terminals outlive their socket', async (t) => {
  const daemon = await startDaemon(t)
  const first = await connect(t, daemon)
  const { id } = await first.rt.terminal.create({ shell: '/bin/sh' })
  first.ws.writeTerminalInput(id, 'echo before-$((40 + 2))\n')
  await until('an answer', () => first.text(id).includes('before-42\r\n'))
  const screen = first.text(id)
  first.ws.close()
  await until('it is closed', () => first.closes.length === 1)
  const second = await connect(t, daemon)
  await until('the screen is restored', () => second.text(id).length >= screen.length)
  t.ok(second.text(id).startsWith(screen))
  second.ws.writeTerminalInput(id, 'echo after-$((40 + 2))\n')
  await until('it lives', () => second.text(id).includes('after-42\r\n'))
  const ended = await second.rt.terminal.create({ cmd: ['sh', '-c', 'echo gone; exit 9'] })
  await until('its exit', () => second.exits.length === 1)
  const third = await connect(t, daemon)
  await until('the exit of the dead', () => third.exits.length === 1)
  t.strictSame(third.exits, [{ id: ended.id, code: 9 }])
  t.equal(third.text(ended.id), 'gone\r\n')
  await until('the second was replaced', () => second.closes.length === 1)
  t.strictSame(second.closes, [4000])
})

t.test('a socket that reconnects by itself comes back after the daemon closed it', async (t) => {
  const daemon = await startDaemon(t)
  const live = await connect(t, daemon, { reconnect: true })
  const { id } = await live.rt.terminal.create({ cmd: ['sh', '-c', 'echo here; exec sleep 60'] })
  await until('output', () => live.text(id) === 'here\r\n')
  const other = await connect(t, daemon)
  await until('replaced', () => live.closes.length === 1)
  other.ws.close()
  await until('it is back, with the screen', () => live.text(id) === 'here\r\nhere\r\n')
})

t.test('watcher: create, ready, create, write, remove, rename, delete', async (t) => {
  const daemon = await startDaemon(t)
  const root = join(daemon.directory, 'watched')
  mkdirSync(join(root, 'src'), { recursive: true })
  const { rt, events } = await connect(t, daemon)
  const created = await rt.watcher.create({ path: root, excludes: ['*.log'] })
  t.match(created, { id: /^\d+$/, root, dir_count: 2 })
  const of = (path: string, op: string): boolean =>
    events.some((one) => one.type === 'change' && one.path === join(root, path) && one.op === op)
  await until('ready', () => events.some((one) => one.type === 'ready' && one.watcher_id === created.id))
  t.match(events[0], { channel: 'watcher', type: 'ready', watcher_id: created.id, root, dirs: 2 })
  writeFileSync(join(root, 'src/new.log'), 'left out')
  mkdirSync(join(root, 'src/deep/er'), { recursive: true })
  await until('create', () => of('src/deep', 'create'))
  const file = join(root, 'src/a.txt')
  await rt.files.write({ fullPath: file, content: 'one' })
  await until('create, by the API', () => of('src/a.txt', 'create') || of('src/a.txt', 'write'))
  writeFileSync(file, 'two')
  await until('write', () => of('src/a.txt', 'write'))
  renameSync(file, join(root, 'src/b.txt'))
  await until('rename', () => of('src/a.txt', 'rename') && of('src/b.txt', 'create'))
  rmSync(join(root, 'src/b.txt'))
  await until('remove', () => of('src/b.txt', 'remove'))
  t.notOk(events.some((one) => one.path?.includes('.log')))
  t.match(await rt.watcher.list(), [{ id: created.id, root }])
  t.match(await rt.watcher.get(created.id), { id: created.id, root })
  const again = await connect(t, daemon)
  await until('ready on connect', () => again.events.length === 1)
  t.match(again.events, [{ type: 'ready', watcher_id: created.id, root }])
  await rt.watcher.delete(created.id)
  await t.rejects(rt.watcher.get(created.id), { name: 'NotFoundError' })
})

t.test('every text frame has a channel, and ids are strings', async (t) => {
  const daemon = await startDaemon(t)
  const { rt, ws, messages, exits } = await connect(t, daemon)
  const { id } = await rt.terminal.create({ cmd: ['true'] })
  await until('exit', () => exits.length === 1)
  await rt.watcher.create({ path: daemon.directory })
  ws.sendJSON({ channel: 'terminal', type: 'resize', id, cols: 0, rows: 0 })
  await until('an error', () => messages.some((one) => one['channel'] === 'error'))
  for (const message of messages) {
    t.type(message['channel'], 'string')
    if ('id' in message) t.type(message['id'], 'string')
    if ('watcher_id' in message) t.type(message['watcher_id'], 'string')
  }
  t.strictSame(new Set(messages.map((one) => one['channel'])), new Set(['terminal', 'watcher', 'error']))
})

t.test('C-01 a stopping daemon closes sockets with 1001', async (t) => {
  const daemon = await startDaemon(t)
  const { rt, closes } = await connect(t, daemon)
  await rt.terminal.create({ cmd: ['sleep', '60'] })
  t.equal(await daemon.stop(), 0)
  await until('closed', () => closes.length === 1)
  t.strictSame(closes, [1001])
})

t.test('two clients with the defaults of the SDK, which reconnect: they settle and both are served', async (t) => {
  const daemon = await startDaemon(t)
  const rt = new Runtime({ token: TOKEN, baseUrl: daemon.url })
  const clients = [0, 1].map(() => {
    const ws = new Runtime({ token: TOKEN, baseUrl: daemon.url }).ws()
    const client = { ws, closes: 0, text: '' }
    ws.onTerminalOutput((_, bytes) => (client.text += Buffer.from(bytes).toString())).onClose(() => client.closes++)
    t.teardown(() => ws.close())
    ws.connect()
    return client
  })
  await until('one has replaced the other', () => clients.some(({ closes }) => closes > 0))
  await until('both are connected again', () => clients.every(({ ws }) => ws.connected))
  await rt.terminal.create({ cmd: ['sh', '-c', 'echo to both'] })
  await until('both see it', () => clients.every(({ text }) => text.includes('to both')))
  t.equal(
    clients.reduce((sum, { closes }) => sum + closes, 0),
    1,
  )
})
