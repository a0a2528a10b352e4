// When the daemon has no free descriptor (Z-01): connections are let in and turned away without end, what
// is asked on those that are open is done or refused with 503, nothing that was swallowed on the way makes an
// answer wrong, and once descriptors are back everything works again.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

/** Connections are capped well below the limit at the start, so it is lowered once some are open. */
const CLIENTS = 24

/** How many are left: the last is more than any operation needs for itself, its thread included. */
const LEFT = [0, 1, 2, 3, 4, 6, 8, 9, 10, 12, 14]

const USUAL = 4096

const descriptors = ({ pid }: Daemon): number => readdirSync(`/proc/${pid}/fd`).length

/** The soft limit of open files. */
function limit({ pid }: Daemon, files: number): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${files}:`])
}

/** Lowers the limit so that just `free` descriptors are left: the system gives the lowest that is free. */
function squeeze(daemon: Daemon, free: number): void {
  const open = new Set(readdirSync(`/proc/${daemon.pid}/fd`).map(Number))
  let files = 0
  for (let left = free; left > 0 || open.has(files); files++) if (!open.has(files)) left--
  // Those above the limit, inherited ones with high numbers for example, stay open and count for nothing.
  limit(daemon, files)
}

/** A connection that waits, and asks when it is told to. */
class Client {
  readonly socket: Socket
  #text = ''

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => undefined)
    this.socket.on('data', (chunk) => (this.#text += chunk.toString('latin1')))
  }

  get open(): boolean {
    return !this.socket.destroyed && !this.socket.readableEnded
  }

  /** The answer to one request: its status, and its whole text; 0 where the connection ended without one. */
  async ask(method: string, path: string, body?: object, more = ''): Promise<{ status: number; text: string }> {
    const text = body === undefined ? '' : JSON.stringify(body)
    this.#text = ''
    this.socket.write(
      `${method} ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${TOKEN}\r\n` +
        `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n${more}\r\n${text}`,
    )
    const whole = /^HTTP\/1\.1 (101|\d+[^]*?\r\n\r\n[^])/ // an upgrade's answer has no body
    await until(`an answer to ${method} ${path}`, () => !this.open || whole.test(this.#text))
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(this.#text)?.[1] ?? 0), text: this.#text }
  }
}

/** Opens connections that ask nothing, and leaves just `free` descriptors. */
async function fill(daemon: Daemon, clients: Client[], free: number): Promise<void> {
  limit(daemon, USUAL)
  const before = descriptors(daemon)
  const more = Array.from({ length: CLIENTS }, () => new Client(daemon.port))
  clients.push(...more)
  await until('all are taken', () => descriptors(daemon) >= before + CLIENTS)
  squeeze(daemon, free)
}

/** The same for a daemon that opens and closes descriptors by itself meanwhile: each connection has been used once. */
async function refill(daemon: Daemon, clients: Client[], free: number): Promise<void> {
  limit(daemon, USUAL)
  while (clients.filter(({ open }) => open).length < 2) {
    const client = new Client(daemon.port)
    clients.push(client)
    await client.ask('GET', '/runtime')
  }
  squeeze(daemon, free)
}

const empty = (daemon: Daemon, clients: Client[]): void => {
  limit(daemon, USUAL)
  for (const { socket } of clients.splice(0)) socket.destroy()
}

type Ask = readonly [method: string, path: string, body?: object]

/** One of each kind: in the process, in a thread of ours, in a child, with a file, with none. */
function asks(folder: string): readonly Ask[] {
  const command = ['true']
  const path = encodeURIComponent(folder)
  return [
    ['GET', '/health'],
    ['GET', '/runtime'],
    ['POST', '/exec', { command }],
    ['POST', '/exec', { command, background: true }],
    ['GET', `/files?path=${path}`],
    ['GET', `/files?path=${path}&nested=true`],
    ['GET', `/files/stream?path=${path}`],
    ['GET', '/files/read?path=/etc/passwd'],
    ['GET', '/files/stat?path=/etc/passwd'],
    ['GET', '/files/raw?path=/etc/passwd'],
    ['POST', '/files/write', { path: `${folder}/written`, content: 'x' }],
    ['GET', `/files/search?path=${path}&q=x`],
    ['GET', `/files/search/files?path=${path}&q=a`],
    ['POST', '/terminals', {}],
    ['POST', '/watchers', { path: folder }],
    ['GET', '/ports'],
    ['POST', '/files/transfer/download', { paths: [folder] }],
    ['POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' }],
  ]
}

t.test('Z-01 the very first request comes when no descriptor is free', async (t) => {
  const daemon = await startDaemon(t)
  const clients: Client[] = []
  await fill(daemon, clients, 0)
  const open = clients.filter((one) => one.open)
  for (const [index, ask] of asks(daemon.directory).entries()) {
    const { status, text } = (await open[index]?.ask(...ask)) ?? { status: 0, text: '' }
    t.ok(status === 503 || (status >= 200 && status < 300), `${ask[0]} ${ask[1]}: ${status}`)
    if (status === 503) t.match(text, /^retry-after: 1\r$/im)
  }
  const upgrade =
    'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n'
  t.match((await open.at(-1)?.ask('GET', '/ws', undefined, upgrade))?.status, /^(101|503)$/, 'an upgrade is answered')
  empty(daemon, clients)
  const later = new Client(daemon.port)
  t.equal((await later.ask('GET', '/ws', undefined, upgrade)).status, 101, 'and taken later')
  later.socket.destroy()
  t.equal(await daemon.stop(), 0)
})

t.test('Z-01 connections beyond the limit are turned away, nothing spins, and it is over at once', async (t) => {
  const daemon = await startDaemon(t)
  const clients: Client[] = []
  await fill(daemon, clients, 0)
  const more = Array.from({ length: 100 }, () => new Client(daemon.port))
  const before = ticks(daemon)
  const began = performance.now()
  await until('all of them are turned away', () => more.every((one) => !one.open))
  await until('some time has passed', () => performance.now() - began > 500)
  const share = ((ticks(daemon) - before) * 10) / (performance.now() - began)
  t.ok(share < 0.5, `it used ${share.toFixed(2)} of a core`)
  t.equal((await clients.find((one) => one.open)?.ask('GET', '/health'))?.status, 200)
  empty(daemon, clients)
  for (const { socket } of more) socket.destroy()
  await until('new connections are taken', async () => {
    return (await daemon.call('GET', '/health').catch(() => undefined))?.status === 200
  })
  t.match(await daemon.call('POST', '/exec', { command: ['echo', 'back'] }), {
    status: 200,
    body: { stdout: 'back\n' },
  })
  t.equal(await daemon.stop(), 0)
})

/** Processor time used so far, in hundredths of a second (proc(5), fields 14 and 15). */
function ticks({ pid }: Daemon): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}

t.test('Z-01 each call that lacks its last descriptor is refused', async (t) => {
  const daemon = await startDaemon(t)
  const { length } = asks(daemon.directory)
  const seen = new Map<string, number[]>()
  const clients: Client[] = []
  for (const free of LEFT) {
    for (let index = 0; index < length; index++) {
      await refill(daemon, clients, free)
      const ask = asks(daemon.directory)[index] as Ask
      const client = clients.find((one) => one.open)
      const { status, text } = (await client?.ask(...ask)) ?? { status: 0, text: '' }
      const row = `${ask[0]} ${ask[1].replace(/\?.*/, '')}`
      seen.set(row, [...(seen.get(row) ?? []), status])
      if (status !== 503 && (status < 200 || status > 299)) t.fail(`${row} with ${free} free: ${text.slice(-400)}`)
      client?.socket.destroy()
      clients.splice(clients.indexOf(client as Client), 1)
      limit(daemon, USUAL)
      await tidy(daemon, text)
    }
  }
  empty(daemon, clients)
  for (const [row, statuses] of seen) t.not(statuses.at(-1), 503, `${row}: ${statuses.join(' ')}`)
  t.notMatch(daemon.stderr(), /internal_error/)
  t.equal(await daemon.stop(), 0)
})

interface Changes {
  readonly changes: readonly { readonly path: string }[]
  readonly cursor: string
}

t.test('Z-01 a directory that cannot be read for want of a descriptor is watched once there is one', async (t) => {
  const daemon = await startDaemon(t)
  const root = t.testdir({ here: {} })
  const create = { path: root, excludes: [] }
  const { id, cursor } = (await daemon.call('POST', '/watchers', create)).body as { id: string; cursor: string }
  const clients: Client[] = []
  await refill(daemon, clients, 0)
  mkdirSync(join(root, 'new'))
  writeFileSync(join(root, 'new/early'), '')
  const asked = await clients.find((one) => one.open)?.ask('POST', '/watchers', create)
  t.equal(asked?.status, 503, 'and none is made that sees nothing')
  empty(daemon, clients)

  const told = new Set<string>()
  let since = cursor
  await until(
    'what happened below it is told',
    async () => {
      const { body } = await daemon.call('GET', `/watchers/${id}?since=${since}&wait_seconds=1`)
      const { changes, cursor: next } = body as Changes
      since = next
      for (const { path } of changes) told.add(path)
      return told.has(join(root, 'new/early'))
    },
    15_000,
  )
  writeFileSync(join(root, 'new/late'), '')
  await until('and what happens from then on', async () => {
    const { body } = await daemon.call('GET', `/watchers/${id}?since=${since}&wait_seconds=1`)
    return (body as Changes).changes.some(({ path }) => path === join(root, 'new/late'))
  })
  t.match((await daemon.call('GET', `/watchers/${id}`)).body, { dirs: 3, unreadable: undefined })
  t.equal(await daemon.stop(), 0)
})

/** Ends what an answer has left behind, so that each finds the daemon alike. */
async function tidy(daemon: Daemon, text: string): Promise<void> {
  const id = /"id":"(\w+)"/.exec(text)?.[1]
  const kind = /^\{"success":true,"(watcher|terminal)"/m.exec(text)?.[1]
  if (id === undefined || kind === undefined) return
  await until(`${kind} ${id} is gone`, async () => {
    const reply = await daemon.call('DELETE', `/${kind}s/${id}`).catch(() => undefined) // turned away: no descriptor yet
    return reply !== undefined && reply.status !== 503
  })
}
