// Move, copy and chmod on a running daemon: REST has them always, MCP when the toolset is asked for
// (protocol.md#choices; F-19, F-22).

import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { DOORS } from '../contract/doors.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { asNobody, openToAll } from '../support/unprivileged.ts'
import { setPermissions } from '../../src/workspace/files/moving/permissions.ts'
import { refused } from '../support/refused.ts'

const listed = async (daemon: Daemon, query = ''): Promise<string[]> => {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
  const { body } = await daemon.call('POST', `/mcp${query}`, message)
  return body.result.tools.map((tool: { name: string }) => tool.name)
}

const called = async (daemon: Daemon, name: string, args: object, query = '') => {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }
  return (await daemon.call('POST', `/mcp${query}`, message)).body
}

const TOOLS = ['file_move', 'file_copy', 'file_chmod']

t.test('REST has them always, MCP in a toolset that is off by default', async (t) => {
  const daemon = await startDaemon(t)
  const at = (name: string) => join(daemon.directory, name)
  writeFileSync(at('a'), 'content')
  t.strictSame(
    (await listed(daemon)).filter((name) => TOOLS.includes(name)),
    [],
  )
  t.strictSame((await listed(daemon, '?toolsets=default,files')).slice(-3), TOOLS)
  t.match(await called(daemon, 'file_move', { path: at('a'), to: at('b') }), { error: { code: -32602, message: /toolset "files", which is not switched on/ } }) // prettier-ignore
  const moved = await daemon.call('POST', '/files/move', { path: at('a'), destination: at('b') })
  t.match(moved, { status: 200, body: { success: true, path: at('a'), to: at('b') } })
  const deep = { path: at('b'), to: at('x/y') }
  t.match(await daemon.call('POST', '/files/copy', deep), { status: 404, body: { code: 'not_found' } })
  const copied = await called(daemon, 'file_copy', deep, '?toolsets=files')
  t.strictSame(JSON.parse(copied.result.content[0].text), {
    success: true,
    ...deep,
    files: 1,
    directories: 0,
    links: 0,
    bytes: 7,
    skipped: 0,
  })
  const changed = await daemon.call('POST', '/files/chmod', { path: at('b'), mode: '755' })
  t.match(changed, { status: 200, body: { success: true, path: at('b'), mode: '0755', changed: 1 } })
  t.equal(statSync(at('b')).mode & 0o7777, 0o755)
  for (const [path, body, status] of [
    ['/files/move', { path: at('b'), to: at('x/y') }, 409],
    ['/files/move', { path: at('b'), to: '' }, 400],
    ['/files/move', { path: at('b') }, 400],
    ['/files/move', { path: '/etc', to: at('etc') }, 403],
    ['/files/copy', { path: at('no'), to: at('z') }, 404],
    ['/files/chmod', { path: at('b'), mode: '9' }, 400],
    ['/files/chmod', { path: '/usr', mode: '0755' }, 403],
  ] as const) {
    t.match(await daemon.call('POST', path, body), { status, body: { success: false } }, JSON.stringify([path, body]))
  }
  const on = await startDaemon(t, { args: ['--toolsets', 'default,files'] })
  t.strictSame((await listed(on)).slice(-3), TOOLS)
})

t.test('permissions of trees; links are passed over', async (t) => {
  const dir = openToAll(t.testdir({ outside: 'x', tree: { a: 'x', sub: { b: 'x', closed: { c: 'x' } } } }))
  const { signal } = new AbortController()
  const at = (name: string) => join(dir, name)
  const modeOf = (name: string) => (statSync(at(name)).mode & 0o7777).toString(8)
  chmodSync(at('outside'), 0o600)
  symlinkSync('../outside', at('tree/link'))
  symlinkSync('tree', at('alias'))
  const request = { path: at('tree'), mode: 0o640, directoryMode: 0o750, recursive: true }
  t.equal(await setPermissions(request, signal), 6)
  t.strictSame(['tree', 'tree/a', 'tree/sub', 'tree/sub/b', 'outside'].map(modeOf), ['750', '640', '750', '640', '600'])
  await refused(t, setPermissions({ ...request, path: at('alias') }, signal), 'bad_request', /is a symbolic link/)
  await refused(t, setPermissions({ ...request, path: at('no') }, signal), 'not_found', /does not exist/)
  await refused(t, setPermissions({ ...request, path: '/proc/self/root/etc' }, signal), 'forbidden', /never changed/)
  chmodSync(at('tree/sub/closed'), 0)
  t.equal(await setPermissions({ ...request, mode: 0o600, directoryMode: undefined }, signal), 6)
  t.strictSame(['tree', 'tree/a', 'tree/sub/closed'].map(modeOf), ['600', '600', '600'])
  await asNobody(() =>
    refused(t, setPermissions({ ...request, path: at('outside') }, signal), 'forbidden', /may not be changed/),
  )
})

t.test('over every door the same', async (t) => {
  const daemon = await startDaemon(t, { args: ['--toolsets', 'files'] })
  const at = (name: string) => join(daemon.directory, name)
  const taken = { code: 'conflict', error: `to is "${at('taken')}", which exists already; overwrite replaces it` }
  for (const [door, ask] of Object.entries(DOORS)) {
    for (const name of ['taken', 'file']) writeFileSync(at(name), 'content')
    const post = (path: string, tool: string, fields: object) =>
      ask(daemon, { method: 'POST', path, body: fields, tool, args: fields })
    const refusal = await post('/files/move', 'file_move', { path: at('file'), to: at('taken') })
    t.match(refusal, { ok: false, body: { success: false, ...taken } }, door)
    const tally = { files: 1, directories: 0, links: 0, bytes: 7, skipped: 0 }
    const copy = { path: at('file'), to: at('copy') }
    t.strictSame((await post('/files/copy', 'file_copy', copy)).body, { success: true, ...copy, ...tally }, door)
    const move = { path: at('copy'), to: at('taken') }
    const moved = await post('/files/move', 'file_move', { ...move, overwrite: true })
    t.strictSame(moved.body, { success: true, ...move }, door)
    const chmod = await post('/files/chmod', 'file_chmod', { path: at('taken'), mode: '600' })
    t.strictSame(chmod.body, { success: true, path: at('taken'), mode: '0600', changed: 1 }, door)
  }
})

t.test('times are copied to the nanosecond, of files, links and directories', async (t) => {
  const daemon = await startDaemon(t)
  const other = await mkdtemp('/dev/shm/times-')
  t.teardown(() => rm(other, { recursive: true }))
  const at = (name: string) => join(daemon.directory, name)
  mkdirSync(at('t/inner'), { recursive: true })
  writeFileSync(at('t/file'), 'x'.repeat(100_000))
  writeFileSync(at('t/inner/old'), '')
  symlinkSync('file', at('t/link'))
  const touch = (date: string, ...names: string[]) =>
    execFileSync('touch', ['--no-dereference', '--date', date, ...names.map(at)])
  touch('2026-03-04 05:06:07.999999999', 't/file', 't/link')
  touch('1969-12-31 23:59:58.000000001 UTC', 't/inner/old')
  touch('2001-02-03 04:05:06.123456789', 't/inner')
  touch('2001-02-03 04:05:06.999999999', 't')
  const times = (top: string) =>
    ['', 'file', 'link', 'inner', 'inner/old'].map((name) =>
      String(lstatSync(join(top, name), { bigint: true }).mtimeNs),
    )
  const before = times(at('t'))
  t.match(before[1], /999999999$/, 'the file system keeps them')
  const post = async (how: string, path: string, to: string) =>
    t.match(await daemon.call('POST', `/files/${how}`, { path, to }), { status: 200 }, how)
  await post('copy', at('t'), at('copy'))
  t.strictSame(times(at('copy')), before)
  await post('copy', at('t/file'), at('one'))
  t.equal(String(lstatSync(at('one'), { bigint: true }).mtimeNs), before[1])
  await post('move', at('t'), join(other, 'moved'))
  t.strictSame(times(join(other, 'moved')), before, 'to another file system')
  await post('move', join(other, 'moved/link'), at('link'))
  t.equal(String(lstatSync(at('link'), { bigint: true }).mtimeNs), before[2], 'a link by itself')
})
