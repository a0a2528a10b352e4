// Watchers as in protocol.md#watchers: each kind of change, excluded entries, moves, names that are not UTF-8, the end
// of the root, and the polling operation with its cursors.

import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  CHANGES_AT_ONCE,
  openWatchers,
  type WatcherEvent,
  type Watchers,
} from '../../../src/workspace/watchers/watchers.ts'
import { Account, never, scratch, watch, watchersOf } from '../../support/account.ts'
import { until } from '../../support/until.ts'

async function watched(t: Test, excludes: readonly string[] = [], defaultExcludes = true) {
  const root = scratch(t)
  const watchers = watchersOf(t)
  const watcher = await watch(watchers, root, excludes, defaultExcludes)
  return { root, watchers, watcher, account: new Account(t, watchers, watcher), at: (name: string) => join(root, name) }
}

const ops = (account: Account) =>
  account.changes.map(({ op, path }) => `${op} ${path.slice(path.lastIndexOf('/') + 1)}`)

t.test('create, write, remove, rename, attributes: one change each', async (t) => {
  const { account, at } = await watched(t)
  writeFileSync(at('empty'), '')
  await account.change(at('empty'), 'create')
  appendFileSync(at('empty'), 'text')
  await account.change(at('empty'), 'write')
  chmodSync(at('empty'), 0o600)
  await account.change(at('empty'), 'unknown')
  renameSync(at('empty'), at('moved'))
  await account.change(at('moved'), 'create')
  rmSync(at('moved'))
  await account.change(at('moved'), 'remove')
  t.same(ops(account), ['create empty', 'write empty', 'unknown empty', 'rename empty', 'create moved', 'remove moved'])
})

t.test('a new file with content is one write that says created; attributes add nothing to it', async (t) => {
  const { account, at } = await watched(t)
  writeFileSync(at('new'), 'text')
  chmodSync(at('new'), 0o600)
  t.match(await account.change(at('new'), 'write'), { channel: 'watcher', watcher_id: '1', created: true })
  writeFileSync(at('later'), 'x')
  await account.change(at('later'), 'write')
  t.same(ops(account), ['write new', 'write later'])
})

t.test('mkdir -p a/b/c && touch a/b/c/f reports everything, parents first', async (t) => {
  const { account, root, at } = await watched(t)
  execFileSync('sh', ['-c', 'mkdir -p a/b/c && touch a/b/c/f'], { cwd: root })
  await account.change(at('a/b/c/f'), 'create')
  t.same(ops(account), ['create a', 'create b', 'create c', 'create f'])
  t.same(
    account.changes.map(({ directory }) => directory === true),
    [true, true, true, false],
  )
})

t.test('moves: inside with to and from, out as rename, in as create with everything below', async (t) => {
  const { account, root, at, watchers, watcher } = await watched(t)
  const outside = scratch(t)
  mkdirSync(at('old/deep'), { recursive: true })
  writeFileSync(at('old/deep/file'), '')
  await account.change(at('old/deep/file'), 'create')
  renameSync(at('old'), at('new'))
  t.match(await account.change(at('old'), 'rename'), { to: at('new'), directory: true })
  t.match(await account.change(at('new'), 'create'), { from: at('old'), directory: true })
  await account.change(at('new/deep/file'), 'create')
  renameSync(at('new'), join(outside, 'out'))
  t.equal((await account.change(at('new'), 'rename')).to, undefined)
  t.equal(watchers.get(watcher.id).coverage.dirs, 1, 'what left is not watched any more')
  writeFileSync(join(outside, 'out/deep/file'), 'unheard')
  const before = account.changes.length
  renameSync(join(outside, 'out'), at('back'))
  await account.change(at('back/deep/file'), 'create')
  t.same(ops(account).slice(before), ['create back', 'create deep', 'create file'])
  t.same(account.differences(), [], root)
})

t.test('a file renamed over another is a create of it', async (t) => {
  const { account, at } = await watched(t)
  writeFileSync(at('target'), 'old')
  await account.change(at('target'), 'write')
  execFileSync('sh', ['-c', `echo new > ${at('target.tmp~')} && mv ${at('target.tmp~')} ${at('target')}`])
  t.equal((await account.change(at('target'), 'create')).from, undefined, 'from what is left out')
  t.same(ops(account), ['write target', 'create target'])
})

t.test('a directory replaced within one window: both its end and its beginning are told', async (t) => {
  const { account, root, at } = await watched(t)
  const outside = scratch(t)
  mkdirSync(at('d'))
  writeFileSync(at('d/old'), '')
  await account.change(at('d/old'), 'create')
  renameSync(at('d'), join(outside, 'd'))
  mkdirSync(at('d'))
  writeFileSync(at('d/new'), '')
  await account.change(at('d/new'), 'create')
  t.same(ops(account).slice(2), ['rename d', 'create d', 'create new'])
  t.same(account.differences(), [], root)
})

t.test('default excludes are left out before they are watched, and custom globs with them', async (t) => {
  const { account, at, watchers, watcher } = await watched(t, ['*.log', 'secret/', 'a/{b,c}', '!keep~'])
  for (const name of ['node_modules/x', '.git', 'dist', 'secret', 'a/b', 'a/d'])
    mkdirSync(at(name), { recursive: true })
  for (const name of ['x.log', 'y~', '.z.swp', '.DS_Store', 'node_modules/f', 'a/b/f', 'keep~'])
    writeFileSync(at(name), '')
  writeFileSync(at('end'), '')
  await account.change(at('end'), 'create')
  t.same(ops(account), ['create a', 'create d', 'create keep~', 'create end'])
  t.equal(watchers.get(watcher.id).coverage.dirs, 3)
})

t.test('default excludes can be switched off', async (t) => {
  const { account, at } = await watched(t, ['*.log'], false)
  mkdirSync(at('node_modules'))
  writeFileSync(at('node_modules/y~'), '')
  await account.change(at('node_modules/y~'), 'create')
  t.same(ops(account), ['create node_modules', 'create y~'])
})

t.test('names that are not UTF-8 are shown with U+FFFD, and exactly in base64', async (t) => {
  const { account, root, at } = await watched(t)
  const bytes = Buffer.from([0x64, 0xff])
  const directory = Buffer.concat([Buffer.from(`${root}/`), bytes])
  mkdirSync(directory)
  const told = await account.change(at('d\uFFFD'), 'create')
  t.equal(Buffer.from(told.path_base64 ?? '', 'base64').compare(directory), 0)
  writeFileSync(Buffer.concat([directory, Buffer.from('/f\xfe', 'latin1')]), '')
  t.ok(await account.change(at('d\uFFFD/f\uFFFD'), 'create'), 'and below it')
  execFileSync('rm', ['-r', root])
})

t.test('the root goes: removal of the root, then inactive', async (t) => {
  const { account, root, watchers, watcher } = await watched(t)
  rmSync(root, { recursive: true })
  t.match(await account.change(root, 'remove'), { directory: true })
  t.equal(watchers.get(watcher.id).active, false)
  t.equal(watchers.list().length, 1, 'it stays to be seen')
})

t.test('W-06 the root is replaced, or a directory above it is moved: it ends', async (t) => {
  const base = scratch(t)
  const root = join(base, 'a/root')
  mkdirSync(root, { recursive: true })
  const watchers = watchersOf(t)
  const watcher = await watch(watchers, root)
  const account = new Account(t, watchers, watcher)
  renameSync(join(base, 'a'), join(base, 'b'))
  mkdirSync(root, { recursive: true })
  await account.change(root, 'remove')
  t.equal(watchers.get(watcher.id).active, false)
})

t.test('a root that is a link: paths are below the path that was given', async (t) => {
  const base = scratch(t)
  mkdirSync(join(base, 'real'))
  symlinkSync('real', join(base, 'link'))
  const watchers = watchersOf(t)
  const watcher = await watch(watchers, join(base, 'link'))
  t.equal(watcher.root, join(base, 'link'))
  const account = new Account(t, watchers, watcher)
  writeFileSync(join(base, 'real/f'), '')
  await account.change(join(base, 'link/f'), 'create')
})

t.test('refusals: missing 404, a file 400, a bad glob 400, the sixth 409, unknown ids 404', async (t) => {
  const { root, watchers, at } = await watched(t)
  writeFileSync(at('file'), '')
  await t.rejects(watch(watchers, at('none')), { code: 'not_found' })
  await t.rejects(watch(watchers, at('file')), { code: 'bad_request' })
  await t.rejects(watch(watchers, root, ['[a']), { code: 'bad_request' })
  for (let i = 0; i < 4; i++) await watch(watchers, root)
  await t.rejects(watch(watchers, root), { code: 'conflict' })
  t.throws(() => watchers.get('99'), { code: 'not_found' })
  t.throws(() => watchers.delete('99'), { code: 'not_found' })
  watchers.delete('1')
  const next = await watch(watchers, root)
  t.ok(Number(next.id) > 5, 'ids are not used again')
  t.equal(watchers.list().length, 5)
})

t.test('ready is said to those who listen already and to those who come later', async (t) => {
  const root = scratch(t)
  mkdirSync(join(root, 'below'))
  const watchers = watchersOf(t)
  const early: WatcherEvent[] = []
  const listener = watchers.subscribe(() => {
    for (let event = listener.take(); event !== undefined; event = listener.take()) early.push(event)
  })
  t.equal(listener.take(), undefined)
  const { id } = await watch(watchers, root)
  const ready = { type: 'ready', watcher: id, root, dirs: 2, resync: false }
  await until('ready', () => early.length > 0)
  t.same(early, [ready])
  using late = watchers.subscribe(() => {})
  t.same(late.take(), ready)
  listener[Symbol.dispose]()
})

t.test('W-08 cursors: valid, old, from before a restart, future, garbage', async (t) => {
  const { account, at, watchers, watcher } = await watched(t)
  const ask = (since: string, waitSeconds = 0) => watchers.changes(watcher.id, { since, waitSeconds }, never)
  const start = watcher.cursor
  t.match(await ask(start), { count: 0, cursor: start, more: false })
  for (let i = 0; i < CHANGES_AT_ONCE + 5; i++) mkdirSync(at(`f${i}`)) // one event each
  await account.settled()
  const first = await ask(start)
  t.match(first, { count: CHANGES_AT_ONCE, more: true, resync: undefined })
  const rest = await ask(first.cursor)
  t.match(rest, { count: 5, more: false })
  const texts = JSON.parse(Buffer.concat(rest.changes.chunks).toString()) as unknown
  t.match(texts, [{ path: /f1000$/, op: 'create' }, {}, {}, {}, {}])
  const [life = '', id = '', next = ''] = start.split('-')
  await t.rejects(ask(`${life}-${id}-99999999`), { code: 'bad_request' }, 'future')
  await t.rejects(ask(`${life}-2-${next}`), { code: 'bad_request' }, 'of another watcher')
  await t.rejects(ask('garbage'), { code: 'bad_request' })
  t.match(await ask(`0123456789ab-${id}-3`), { resync: 'restarted', count: 0, cursor: rest.cursor })
  for (let i = 0; i < 10_000; i++) mkdirSync(at(`g${i}`))
  await account.settled()
  t.match(await ask(start), { resync: 'expired', count: 0, more: false })
})

t.test('a poll waits for the first change, for its time, and for nothing after that', async (t) => {
  const { at, watchers, watcher } = await watched(t)
  const ask = (waitSeconds: number, signal = never) =>
    watchers.changes(watcher.id, { since: watcher.cursor, waitSeconds }, signal)
  t.match(await ask(0.05), { count: 0 }, 'the time is up')
  t.match(await ask(50, AbortSignal.timeout(20)), { count: 0 }, 'the caller left')
  const waiting = ask(50)
  writeFileSync(at('f'), '')
  t.match(await waiting, { count: 1 })
  const cut = ask(50)
  watchers.delete(watcher.id)
  await t.rejects(cut, { code: 'not_found' }, 'deleted meanwhile')
})

t.test('disposing ends the thread; afterwards nothing is watched', async (t) => {
  const watchers = openWatchers()
  const root = scratch(t)
  await watch(watchers, root)
  const opening = watch(watchers, root).catch((error: unknown) => error)
  await watchers[Symbol.asyncDispose]()
  t.match(await opening, { code: 'unavailable' })
  await t.rejects(watch(watchers, root), { code: 'unavailable' })
})

t.test('process.exit ends at once while the reader waits in poll', async (t) => {
  const module = join(import.meta.dirname, '../../../src/workspace/watchers/watchers.ts')
  const program = join(scratch(t), 'exit.mjs')
  writeFileSync(
    program,
    `import { openWatchers } from '${module}'
    const request = { root: '${scratch(t)}', excludes: [], defaultExcludes: true }
    await openWatchers().create(request, new AbortController().signal)
    process.exit(7)`,
  )
  const { status, signal, stderr } = spawnSync(process.execPath, [program], { timeout: 600_000, encoding: 'utf8' })
  t.same({ status, signal }, { status: 7, signal: null }, stderr)
})

t.test('a file system that does not notify is polled, and says so', async (t) => {
  const root = scratch(t)
  mkdirSync(join(root, 'sub'))
  mkdirSync(join(root, 'node_modules'))
  const watchers: Watchers = watchersOf(t, { notifies: () => Promise.resolve(false) })
  const watcher = await watch(watchers, root)
  t.match(watcher, { mode: 'polling', coverage: { dirs: 2 } })
  const account = new Account(t, watchers, watcher)
  writeFileSync(join(root, 'sub/f'), '1')
  await account.change(join(root, 'sub/f'), 'create')
  writeFileSync(join(root, 'sub/f'), 'two')
  await account.change(join(root, 'sub/f'), 'write')
  rmSync(join(root, 'sub'), { recursive: true })
  await account.change(join(root, 'sub'), 'remove')
  t.same(
    account.differences().filter((line) => !line.includes('node_modules')),
    [],
  )
})
