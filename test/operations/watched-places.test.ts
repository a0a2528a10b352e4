// Changes of a watched tree that no single event tells: entries that are exchanged, directories that become readable
// later, directories with two paths. The test polls the daemon over HTTP.

import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { scratch } from '../support/account.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { exchange } from '../support/exchange.ts'
import { NO_OTHER_USER, startAsNobody } from '../support/unprivileged-daemon.ts'
import { until } from '../support/until.ts'

t.setTimeout(120_000)

interface Told {
  readonly path: string
  readonly op: string
}

/** Watches a tree; returns all changes told, and the last change of each path. */
async function watched(t: Test, daemon: Daemon, root: string) {
  const { body } = await daemon.call('POST', '/watchers', { path: root })
  t.type(body.id, 'string')
  let { cursor } = body
  const all: Told[] = []
  const last = new Map<string, string>()
  const take = async (): Promise<void> => {
    const reply = await daemon.call('GET', `/watchers/${body.id}?since=${cursor}&wait_seconds=0`)
    cursor = reply.body.cursor
    for (const change of reply.body.changes as Told[]) {
      all.push(change)
      last.set(change.path.slice(root.length + 1), change.op)
    }
  }
  const says = (path: string, ...ops: string[]) =>
    until(`${path}: ${ops.join(' or ')}`, async () => {
      await take()
      return ops.includes(last.get(path) ?? '')
    })
  const look = async () => (await daemon.call('GET', `/watchers/${body.id}`)).body
  return { says, look, all }
}

t.test('what is exchanged is there under both names, and stays watched', async (t) => {
  const daemon = await startDaemon(t)
  const root = scratch(t)
  for (const name of ['a', 'b', 'deep/x', 'deep/y/z']) mkdirSync(join(root, name), { recursive: true })
  for (const name of ['f', 'g', 'deep/f']) writeFileSync(join(root, name), name)
  const { says } = await watched(t, daemon, root)
  for (const [round, one, other] of [
    [1, 'a', 'b'],
    [2, 'f', 'g'],
    [3, 'f', 'a'],
    [4, 'deep/f', 'g'],
    [5, 'deep/y', 'b'],
    [6, 'f', 'deep/x'],
  ] as const) {
    exchange(join(root, one), join(root, other))
    for (const name of [one, other]) {
      await says(name, 'create')
      const isDirectory = spawnSync('test', ['-d', join(root, name)]).status === 0
      const inside = isDirectory ? `${name}/new${round}` : name
      writeFileSync(join(root, inside), 'more')
      await says(inside, 'create', 'write')
    }
  }
})

t.test('a directory that is opened later is watched from then on', { skip: NO_OTHER_USER ?? false }, async (t) => {
  const daemon = await startAsNobody(t)
  const root = scratch(t)
  chmodSync(root, 0o755)
  mkdirSync(join(root, 'before/inner'), { recursive: true })
  chmodSync(join(root, 'before'), 0o700)
  const { says, look } = await watched(t, daemon, root)
  mkdirSync(join(root, 'd/inner'), { recursive: true, mode: 0o700 })
  await says('d', 'create')
  await until('both are told as closed', async () => (await look()).errors === 2)
  for (const name of ['d', 'before']) {
    chmodSync(join(root, name), 0o755)
    await says(`${name}/inner`, 'create')
  }
  chmodSync(join(root, 'd/inner'), 0o755)
  for (const place of ['d', 'before', 'd/inner', 'before/inner']) {
    writeFileSync(join(root, place, 'new'), '')
    await says(`${place}/new`, 'create')
  }
  t.notMatch(JSON.stringify(await look()), 'unreadable')
})

const NO_MOUNTS = process.getuid?.() === 0 ? false : 'needs root, to mount'

t.test(
  'a directory with two paths is told under both, and after the end of one under the other',
  { skip: NO_MOUNTS },
  async (t) => {
    const daemon = await startDaemon(t)
    const root = scratch(t)
    for (const name of ['src', 'm', 'late']) mkdirSync(join(root, name))
    execFileSync('mount', ['--bind', join(root, 'src'), join(root, 'm')])
    const unmount = (name: string) => spawnSync('umount', ['-l', join(root, name)], { stdio: 'ignore' })
    t.teardown(() => {
      for (const name of ['m', 'late']) unmount(name)
    })
    const { says } = await watched(t, daemon, root)
    mkdirSync(join(root, 'src/sub'))
    for (const name of ['src/sub', 'm/sub']) await says(name, 'create')
    writeFileSync(join(root, 'src/sub/one'), '')
    for (const name of ['src/sub/one', 'm/sub/one']) await says(name, 'create')
    execFileSync('mv', [join(root, 'src/sub/one'), join(root, 'src/moved')])
    for (const name of ['src/moved', 'm/moved']) await says(name, 'create')
    execFileSync('mount', ['--bind', join(root, 'src'), join(root, 'late')])
    await says('late/moved', 'create')
    unmount('m')
    await says('m', 'create')
    writeFileSync(join(root, 'src/two'), '')
    for (const name of ['src/two', 'late/two']) await says(name, 'create')
    writeFileSync(join(root, 'm/own'), '')
    await says('m/own', 'create')
  },
)
