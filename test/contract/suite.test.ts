// One suite over every door: each operation is asked over REST and as a bare, a legacy and a modern MCP
// caller, and each answer is compared with its literal.

import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { catalogWith } from '../../src/catalog.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'
import { CASES, type Case } from './cases.ts'
import { DOORS, settled, type Answer, type Ask } from './doors.ts'

let daemon: Daemon
let dir: string

t.before(async () => {
  daemon = await startDaemon(t)
  dir = join(daemon.directory, 'tree')
})

/** Every case starts from the same folder and without tasks. */
async function layOut(): Promise<void> {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(join(dir, 'src'), { recursive: true })
  mkdirSync(join(dir, 'empty'))
  writeFileSync(join(dir, 'src/a.js'), 'const a = 1\nfind me\nend\n')
  writeFileSync(join(dir, 'b.txt'), 'find you\n')
  writeFileSync(join(dir, 'x.log'), 'find nothing: ignored\n')
  writeFileSync(join(dir, '.gitignore'), '*.log\n')
  symlinkSync('b.txt', join(dir, 'link'))
  await daemon.call('DELETE', '/exec')
}

/** The case with the test's folder in place of `<dir>`. */
function placed(one: Case): Ask {
  const encoded = one.path.includes('?') ? one.path.replaceAll('%3Cdir%3E', encodeURIComponent(dir)) : one.path
  const text = JSON.stringify({ ...one, path: encoded }).replaceAll('<dir>', dir)
  return JSON.parse(text) as Ask
}

function expected(one: Case, door: string): { ok: boolean; status: number; body: object } {
  const isTool = door !== 'REST'
  const literal = isTool && one.expectTool !== undefined ? one.expectTool : one.expect
  const ok = !('code' in literal)
  const body = ok
    ? { success: true, ...literal }
    : { success: false, error: literal['error'], message: literal['error'], ...literal, request_id: '<request>' }
  if (!isTool) return { ok, status: one.status, body }
  return { ok, status: ok || door !== 'bare MCP' ? 200 : (one.rpc ?? -32603), body }
}

function compare(t: Test, one: Case, door: string, answer: Answer): void {
  const body = settled(answer.body, dir) as Record<string, unknown>
  if (one.op === 'search_init') body['path'] = /[/-]rg$/.test(String(body['path'])) ? '<rg>' : body['path']
  t.strictSame({ ok: answer.ok, status: answer.status, body }, expected(one, door), door)
}

for (const one of CASES) {
  t.test(`${one.op}: ${one.name}`, async (t) => {
    for (const [door, ask] of Object.entries(DOORS)) {
      await layOut()
      compare(t, one, door, await ask(daemon, placed(one)))
    }
  })
}

t.test('exec_get, exec_list, exec_input, exec_delete and exec_delete_all of a task that runs', async (t) => {
  const task = {
    id: '<id>',
    command: ['cat'],
    status: 'running',
    guest_pid: '<pid>',
    exit_code: -1,
    created_at: '<time>',
    started_at: '<time>',
    ttl_seconds: 300,
    cwd: '<dir>',
    exec_mode: 'auto',
  }
  for (const [door, ask] of Object.entries(DOORS)) {
    await layOut()
    const body = { command: ['cat'], background: true, cwd: dir }
    const started = await ask(daemon, { method: 'POST', path: '/exec', body, tool: 'exec_run', args: body })
    t.strictSame(settled(started.body, dir), { success: true, ...task, stdout: '', stderr: '' }, `${door}: started`)
    const id = String(started.body['id'])
    const by = (method: string, path: string, tool: string, more = {}): Promise<Answer> =>
      ask(daemon, { method, path, tool, args: { id, ...more } })
    t.strictSame(
      settled((await by('GET', `/exec/${id}`, 'exec_get')).body, dir),
      { success: true, ...task, stdout: '', stderr: '' },
      `${door}: got`,
    )
    const listed = await ask(daemon, { method: 'GET', path: '/exec', tool: 'exec_list' })
    t.strictSame(settled(listed.body, dir), { success: true, tasks: [task] }, `${door}: listed`)
    const input = await ask(daemon, {
      method: 'POST',
      path: `/exec/${id}/input`,
      body: 'héllo',
      tool: 'exec_input',
      args: { id, input: 'héllo' },
    })
    t.strictSame(input.body, { success: true, bytes_written: 6 }, `${door}: fed`)
    t.match((await by('DELETE', `/exec/${id}`, 'exec_delete')).body, { success: true }, `${door}: deleted`)
    t.equal((await by('GET', `/exec/${id}`, 'exec_get')).ok, false, `${door}: forgotten`)
    await ask(daemon, { method: 'POST', path: '/exec', body, tool: 'exec_run', args: body })
    const all = await ask(daemon, { method: 'DELETE', path: '/exec', tool: 'exec_delete_all' })
    t.strictSame(all.body, { success: true, deleted: 1 }, `${door}: all deleted`)
  }
})

t.test("exec_get of a range: the cursor is the caller's", async (t) => {
  for (const [door, ask] of Object.entries(DOORS)) {
    await layOut()
    const command = ['sh', '-c', 'printf "one\\nzwö\\n"; printf oops >&2; read line; printf three; exit 4']
    const run = { command, background: true, cwd: dir }
    const started = await ask(daemon, { method: 'POST', path: '/exec', body: run, tool: 'exec_run', args: run })
    const id = String(started.body['id'])
    const get = async (fields: Record<string, string | number>) => {
      const strings = Object.entries(fields).map(([key, value]) => [key, String(value)])
      const query = new URLSearchParams(strings as [string, string][]).toString()
      const asked = { method: 'GET', path: `/exec/${id}?${query}`, tool: 'exec_get', args: { id, ...fields } }
      return settled((await ask(daemon, asked)).body, dir)
    }
    const task = {
      success: true,
      id: '<id>',
      command,
      status: 'running',
      guest_pid: '<pid>',
      exit_code: -1,
      created_at: '<time>',
      started_at: '<time>',
      ttl_seconds: 300,
      cwd: '<dir>',
      exec_mode: 'auto',
    }
    const first = { ...task, stdout: 'one\nzwö\n', offset: 0, next_offset: 9, total: 9 }
    await until('both are printed', async () => {
      const both = (await get({})) as { stdout: string; stderr: string }
      return both.stdout !== '' && both.stderr !== ''
    })
    t.strictSame(await get({ stream: 'stdout', wait_seconds: 10 }), first, `${door}: what is there`)
    t.strictSame(await get({ offset: 0 }), first, `${door}: the same again`)
    const half = { ...task, offset: 4, next_offset: 6, total: 9 }
    t.match(await get({ offset: 4, limit: 16 }), { stdout: 'zwö\n', next_offset: 9 }, `${door}: from the middle`)
    t.strictSame(await get({ offset: -5 }), { ...half, stdout: 'zwö\n', next_offset: 9 }, `${door}: from the end`)
    t.strictSame(
      await get({ stream: 'stderr', encoding: 'base64' }),
      { ...task, stderr: 'b29wcw==', encoding: 'base64', offset: 0, next_offset: 4, total: 4 },
      `${door}: the other stream, exactly`,
    )
    t.strictSame(
      await get({ stream: 'stdout', offset: 9, wait_seconds: 0.01 }),
      { ...task, stdout: '', offset: 9, next_offset: 9, total: 9 },
      `${door}: nothing new`,
    )
    t.match(
      await get({ wait_seconds: 0.01 }),
      { next: { tool: 'exec_get', arguments: { id: '<id>', wait_seconds: 45 } }, stdout: 'one\nzwö\n' },
      `${door}: still running`,
    )
    const coming = get({ stream: 'stdout', offset: 9, wait_seconds: 30 })
    const ended = get({ wait_seconds: 30 })
    const input = {
      method: 'POST',
      path: `/exec/${id}/input`,
      body: '\n',
      tool: 'exec_input',
      args: { id, input: '\n' },
    }
    await ask(daemon, input)
    t.match(await coming, { stdout: 'three', offset: 9, next_offset: 14, total: 14 }, `${door}: something new`)
    t.match(
      await ended,
      { status: 'exited', exit_code: 4, stdout: 'one\nzwö\nthree', stderr: 'oops' },
      `${door}: its end`,
    )
    t.match(await get({ offset: 14 }), { stdout: '', next_offset: 14, eof: true }, `${door}: all is read`)
  }
})

t.test('terminal_create, terminal_list, terminal_scrollback and terminal_delete', async (t) => {
  for (const [door, ask] of Object.entries(DOORS)) {
    await layOut()
    const body = { command: ['sh', '-c', 'printf hello; exec cat'], cols: 100, rows: 30, cwd: dir }
    const terminal = {
      id: '<id>',
      life: '<life>',
      command: body.command,
      cols: 100,
      rows: 30,
      alive: true,
      exit_code: 0,
      scrollback_size: 65536,
      created_at: '<time>',
      pid: '<pid>',
      cwd: '<dir>',
    }
    const made = await ask(daemon, { method: 'POST', path: '/terminals', body, tool: 'terminal_create', args: body })
    t.equal(made.status, door === 'REST' ? 201 : 200)
    t.strictSame(settled(made.body, dir), { success: true, ...terminal }, `${door}: created`)
    const listed = await ask(daemon, { method: 'GET', path: '/terminals', tool: 'terminal_list' })
    t.strictSame(settled(listed.body, dir), { success: true, terminals: [terminal] }, `${door}: listed`)
    const id = String(made.body['id'])
    const look = { method: 'GET', path: `/terminals/${id}/scrollback`, tool: 'terminal_scrollback', args: { id } }
    await until('the program has printed', async () => (await ask(daemon, look)).body['size'] === 5)
    const { life } = made.body
    const seen = { scrollback: 'aGVsbG8=', encoding: 'base64', life, size: 5, alive: true, exit_code: 0 }
    const ring = { scrollback_size: 65536, max_scrollback_size: 262144, from: 0, to: 5, next: 5, gap_bytes: 0 }
    t.strictSame((await ask(daemon, look)).body, { success: true, ...seen, ...ring }, `${door}: looked at`)
    const end = { method: 'DELETE', path: `/terminals/${id}`, tool: 'terminal_delete', args: { id } }
    t.strictSame((await ask(daemon, end)).body, { success: true, terminal_id: id }, `${door}: deleted`)
    const gone = await ask(daemon, end)
    t.match(gone.body, { success: false, code: 'not_found' }, `${door}: gone`)
  }
})

t.test('watcher_create, watcher_list, watcher_get and watcher_delete', async (t) => {
  for (const [door, ask] of Object.entries(DOORS)) {
    await layOut()
    const watcher = {
      id: '<id>',
      root: '<dir>',
      path: '<dir>',
      dirs: 3,
      dir_count: 3,
      excludes: ['*.log'],
      default_excludes: true,
      active: true,
      recursive: true,
      mode: 'inotify',
      created_at: '<time>',
      cursor: '<cursor>',
    }
    const body = { path: dir, excludes: ['*.log'] }
    const made = await ask(daemon, { method: 'POST', path: '/watchers', body, tool: 'watcher_create', args: body })
    t.equal(made.status, door === 'REST' ? 201 : 200)
    t.strictSame(settled(made.body, dir), { success: true, watcher, ...watcher }, `${door}: created`)
    const listed = await ask(daemon, { method: 'GET', path: '/watchers', tool: 'watcher_list' })
    t.strictSame(settled(listed.body, dir), { success: true, watchers: [watcher] }, `${door}: listed`)
    const id = String(made.body['id'])
    const get = { method: 'GET', path: `/watchers/${id}`, tool: 'watcher_get', args: { id } }
    t.strictSame(settled((await ask(daemon, get)).body, dir), { success: true, watcher, ...watcher }, `${door}: got`)
    writeFileSync(join(dir, 'new.txt'), 'x')
    const since = { since: String(made.body['cursor']), wait_seconds: 10 }
    const query = new URLSearchParams({ ...since, wait_seconds: '10' }).toString()
    const changed = await ask(daemon, { ...get, path: `${get.path}?${query}`, args: { id, ...since } })
    t.match(
      settled(changed.body, dir),
      { changes: [{ path: '<dir>/new.txt', op: 'write', created: true }], count: 1 },
      door,
    )
    const end = { ...get, method: 'DELETE', tool: 'watcher_delete' }
    t.match((await ask(daemon, end)).body, { success: true }, `${door}: deleted`)
    t.match((await ask(daemon, end)).body, { success: false, code: 'not_found' }, `${door}: gone`)
  }
})

t.test('the streams, which REST alone has, to the letter', async (t) => {
  await layOut()
  const files = await daemon.call('GET', `/files/stream?path=${dir}&light=true&bogus=1`)
  t.equal(files.headers.get('content-type')?.split(';')[0], 'application/x-ndjson')
  const lines = String(files.body).replaceAll(dir, '<dir>').trimEnd().split('\n')
  t.strictSame(JSON.parse(lines[0] ?? ''), { event: 'start', path: '<dir>', ignored: ['bogus'] })
  t.strictSame(JSON.parse(lines.at(-1) ?? ''), { event: 'done', count: 6 })
  t.strictSame(lines.slice(1, -1).sort(), [
    '{"name":".gitignore","path":"<dir>/.gitignore","type":"file"}',
    '{"name":"a.js","path":"<dir>/src/a.js","type":"file"}',
    '{"name":"b.txt","path":"<dir>/b.txt","type":"file"}',
    '{"name":"empty","path":"<dir>/empty","type":"directory"}',
    '{"name":"link","path":"<dir>/link","type":"symlink"}',
    '{"name":"src","path":"<dir>/src","type":"directory"}',
  ])
  const command = { cmd: ['sh', '-c', 'printf a; sleep 0.05; printf b >&2; exit 2'] }
  for (const [path, body] of [
    ['/exec/stream', command],
    ['/exec', { ...command, stream: true }],
  ] as const) {
    const stream = await daemon.call('POST', path, body)
    t.equal(stream.headers.get('content-type')?.split(';')[0], 'text/event-stream')
    const text = String(stream.body)
    const id = /"task_id":"(\d+)"/.exec(text)?.[1] ?? ''
    const pid = /"pid":(\d+)/.exec(text)?.[1] ?? ''
    t.equal(
      text,
      `event: task_id\ndata: {"task_id":"${id}"}\n\nevent: stdout\ndata: {"data":"YQ=="}\n\nevent: stderr\ndata: {"data":"Yg=="}\n\nevent: exit\ndata: {"exit_code":2,"pid":${pid},"status":"exited"}\n\n`,
    )
    const again = await daemon.call('GET', `/exec/stream?task_id=${id}`)
    t.equal(
      again.body,
      `event: output\ndata: {"stdout":"a","stderr":"b"}\n\nevent: exit\ndata: {"exit_code":2,"pid":${pid},"status":"exited"}\n\n`,
    )
    const chunks = await daemon.call('GET', `/exec/stream?task_id=${id}&replay=chunks`)
    t.match(
      String(chunks.body),
      /event: stdout\ndata: \{"data":"YQ=="\}\n\nevent: stderr\ndata: \{"data":"Yg=="\}\n\nevent: exit\n/,
    )
  }
})

t.test('every tool is asked here', async (t) => {
  const tools = catalogWith([]).flatMap(({ name, tool }) =>
    tool === undefined || tool.toolset !== undefined ? [] : [name],
  )
  const asked = new Set(CASES.map((one) => one.op))
  const others = tools.filter((name) => !asked.has(name))
  t.ok(
    others.every((name) => /^(terminal|watcher)_/.test(name)),
    'the rest is asked above',
  )
  t.strictSame(tools, [
    'file_list',
    'file_read',
    'file_write',
    'file_mkdir',
    'file_stat',
    'file_delete',
    'search_content',
    'search_files',
    'search_init',
    'exec_run',
    'exec_list',
    'exec_get',
    'exec_input',
    'exec_delete',
    'exec_delete_all',
    'terminal_create',
    'terminal_list',
    'terminal_scrollback',
    'terminal_delete',
    'watcher_create',
    'watcher_list',
    'watcher_get',
    'watcher_delete',
  ])
})
