// Two clients of the running daemon keep account of a tree that another process changes: one reads the frames of /ws,
// the other polls watcher_get. Both accounts equal the disk, also after an overflow.

import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { Ledger, scratch, write, type Told } from '../support/account.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { NO_SYSCTL, withShortQueue } from '../support/short-queue.ts'
import { until } from '../support/until.ts'
import { view } from '../support/viewer.ts'

const FILES = 10_000

/** Changes that one client was told. */
interface Client {
  readonly ledger: Ledger
  readonly changes: Pick<Told, 'path' | 'op' | 'directory'>[]
  /** Announcements that something may be missing. */
  readonly breaks: string[]
}

const told = (root: string): Client => ({ ledger: new Ledger(root), changes: [], breaks: [] })

function take(client: Client, change: Client['changes'][number]): void {
  client.changes.push(change)
  client.ledger.apply(change)
}

/** Polls until the watcher ends. */
async function poll(daemon: Daemon, id: string, since: string, client: Client): Promise<void> {
  for (let cursor = since; ;) {
    const { status, body } = await daemon.call('GET', `/watchers/${id}?since=${cursor}&wait_seconds=20`)
    if (status === 404) return
    if (status !== 200) throw new Error(JSON.stringify(body))
    cursor = body.cursor
    if (body.resync === true) {
      client.breaks.push(body.reason)
      client.ledger.relist()
    }
    for (const change of body.changes) take(client, change)
  }
}

interface Watched {
  readonly daemon: Daemon
  readonly socket: Client
  readonly polled: Client
  /** Returns the number of `ready` frames that end an overflow. */
  readonly resyncs: () => number
  /** Waits until both accounts equal the disk. */
  readonly settled: () => Promise<void>
  /** Deletes the watcher; the daemon tells a client that waits for its changes. */
  readonly end: () => Promise<void>
}

/** Starts a daemon that watches `root`, and two clients. `queue` wraps the request that creates the watcher. */
async function watched(t: Test, root: string, queue: typeof withShortQueue = (work) => work()): Promise<Watched> {
  const daemon = await startDaemon(t)
  const viewer = await view(t, `ws://127.0.0.1:${daemon.port}/ws`)
  const socket = told(root)
  const polled = told(root)
  let resyncs = 0
  viewer.socket.on('message', (message: Buffer) => {
    const frame = JSON.parse(message.toString()) as Told // no terminal: every frame is text
    if (frame.type === 'change') take(socket, frame)
    if (frame.type === 'overflow') socket.breaks.push(frame.message ?? '')
    if (frame.resync === true) resyncs++
  })
  const { status, body } = await queue(() => daemon.call('POST', '/watchers', { path: root }))
  t.equal(status, 201)
  const polling = poll(daemon, body.id, body.cursor, polled)
  return {
    daemon,
    socket,
    polled,
    resyncs: () => resyncs,
    settled: async () => {
      for (const { ledger, changes } of [socket, polled]) await ledger.settled(() => changes.length)
    },
    end: async () => {
      t.match(await daemon.call('DELETE', `/watchers/${body.id}`), { status: 200 })
      await polling
    },
  }
}

const paths = ({ changes }: Client, op: string): number =>
  new Set(changes.filter((change) => change.op === op).map(({ path }) => path)).size

const removeMoved = (root: string) => promisify(execFile)('find', [root, '-name', 'moved-*', '-delete'])

t.test(`W-01 ${FILES} files are created, renamed and removed: both accounts equal the disk`, async (t) => {
  const root = scratch(t)
  const { socket, polled, settled, end } = await watched(t, root)
  await write('create', root, FILES)
  await settled()
  await write('rename', root, FILES)
  await settled()
  await removeMoved(root)
  await settled()
  for (const client of [socket, polled]) {
    t.equal(client.ledger.paths.size, 0, 'nothing is left')
    // A client without a break was told everything.
    if (client.breaks.length > 0) continue
    for (const op of ['create', 'rename', 'remove']) t.ok(paths(client, op) >= FILES, `${FILES} × ${op}`)
  }
  await end()
})

t.test('random changes, moves in and out: both accounts equal the disk', async (t) => {
  const root = scratch(t)
  for (const name of ['tree', 'outside']) mkdirSync(join(root, name))
  const { socket, polled, settled, end } = await watched(t, join(root, 'tree'))
  await write('random', root, 1500, 11)
  await settled()
  t.ok(socket.changes.length > 100, `${socket.changes.length} changes on the socket`)
  t.ok(polled.changes.length > 100, `${polled.changes.length} changes by asking`)
  await end()
})

t.test('W-02 the queue overflows while the daemon stands still: announced, both accounts equal the disk', async (t) => {
  const root = scratch(t)
  for (let i = 0; i < 100; i++) writeFileSync(join(root, `before-${i}`), 'old')
  const { daemon, socket, polled, resyncs, settled, end } = await watched(
    t,
    root,
    NO_SYSCTL ? undefined : withShortQueue,
  )
  daemon.process.kill('SIGSTOP')
  // More events than the kernel's default queue of 16,384 holds, if the test may not change the setting.
  await write('create', root, FILES)
  await write('rename', root, FILES)
  for (let i = 0; i < 50; i++) writeFileSync(join(root, `before-${i}`), 'changed meanwhile')
  daemon.process.kill('SIGCONT')
  await until('overflow is announced', () => socket.breaks.length > 0)
  await until('and ended', () => resyncs() > 0)
  await settled()
  for (const { ledger } of [socket, polled]) t.equal(ledger.paths.size, FILES + 100)
  await removeMoved(root)
  await settled()
  for (const { ledger } of [socket, polled]) t.equal(ledger.paths.size, 100)
  await end()
})
