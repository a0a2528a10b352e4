// Lists, commands and variables in the forms that clients send them in, through REST and MCP: what was meant is done,
// or the field is refused by name. Files with commas and spaces in their names show what a list was taken for.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { DOORS, type Ask } from './doors.ts'

let daemon: Daemon
t.before(async () => {
  daemon = await startDaemon(t)
})

async function tool(name: string, args: object) {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }
  const { body } = await daemon.call('POST', '/mcp', message)
  return body.error ?? JSON.parse(body.result.content[0].text)
}

function place(t: Test): string {
  const directory = join(t.testdir({ short: {} }), 'short') // its name is part of the members' in an archive
  for (const name of ['2024,final', '2024', 'final', ' lead']) {
    mkdirSync(join(directory, name))
    writeFileSync(join(directory, name, 'f.py'), 'needle\n')
  }
  return directory
}

const names = (body: { entries: readonly { name: string }[] }) => body.entries.map(({ name }) => name).toSorted()

t.test('an element of a list with a comma or a space is one name', async (t) => {
  const path = place(t)
  const rest = ['2024', 'final']
  for (const list of [['2024,final', ' lead'], '["2024,final"," lead"]']) {
    t.strictSame(names(await tool('file_list', { path, ignore_patterns: list })), rest, JSON.stringify(list))
    const found = await tool('search_content', { q: 'needle', path, ignore_patterns: list })
    t.strictSame(Object.keys(found.results).toSorted(), ['2024/f.py', 'final/f.py'])
    t.strictSame((await tool('search_files', { q: 'f.py', path, ignore_patterns: list })).files, [
      '2024/f.py',
      'final/f.py',
    ])
    const watcher = await daemon.call('POST', '/watchers', { path, excludes: list })
    t.strictSame(watcher.body.excludes, ['2024,final', ' lead'])
    await daemon.call('DELETE', `/watchers/${watcher.body.id}`)
    const packed = await daemon.call('POST', '/files/transfer/download', {
      paths: [path],
      format: 'tar',
      exclude_patterns: list,
    })
    t.notOk(packed.body.includes('2024,final/f.py'))
    t.ok(packed.body.includes('2024/f.py') && packed.body.includes('final/f.py'))
  }
  const query = (...lists: string[]) => lists.map((one) => `&ignore_patterns=${encodeURIComponent(one)}`).join('')
  const listed = async (...lists: string[]) =>
    names((await daemon.call('GET', `/files?path=${encodeURIComponent(path)}${query(...lists)}`)).body)
  t.strictSame(await listed('2024,final'), [' lead', '2024,final'], 'one string is split')
  t.strictSame(await listed('["2024,final"]'), [' lead', '2024', 'final'])
  t.strictSame(await listed('2024,final', 'final'), [' lead', '2024'], 'the values of a repeated key are elements')
})

t.test('extensions and paths as JSON text are a list too', async (t) => {
  const path = place(t)
  for (const list of [['py'], '["py"]', '.py', 'py,js']) {
    const listed = await tool('file_list', { path: join(path, '2024'), include_ext: list })
    t.strictSame(names(listed), ['f.py'], JSON.stringify(list))
    t.equal((await tool('search_content', { q: 'needle', path, file_types: list })).total_matches, 4)
  }
  t.strictSame(names(await tool('file_list', { path: join(path, '2024'), include_ext: [''] })), ['f.py'])
  const paths = JSON.stringify([join(path, '2024,final'), join(path, 'final')])
  const packed = await daemon.call('POST', '/files/transfer/download', { paths, format: 'tar' })
  t.equal(packed.status, 200)
  t.ok(packed.body.includes('2024,final/f.py'))
})

t.test('a command as the JSON text of its arguments', async (t) => {
  const command = '["echo","hi  there"]'
  for (const [door, ask] of Object.entries(DOORS)) {
    const call: Ask = { method: 'POST', path: '/exec', body: { command }, tool: 'exec_run', args: { command } }
    const { body } = await ask(daemon, call)
    t.match(body, { exit_code: 0, stdout: 'hi  there\n', command: ['echo', 'hi  there'] }, door)
  }
  t.match(await tool('exec_run', { command: 'echo "[1]" | cat' }), { stdout: '[1]\n' })
  t.match(await tool('exec_run', { command: '[ -d / ] && echo yes' }), { stdout: 'yes\n' })
  const terminal = await tool('terminal_create', { command: '["sh","-c","sleep 30"]' })
  t.strictSame(terminal.command, ['sh', '-c', 'sleep 30'])
  await tool('terminal_delete', { id: terminal.id })
})

t.test('variables that are numbers or flags are their text, and a schema says what they are', async (t) => {
  const env = { PORT: 3000, DEBUG: true }
  const command = ['sh', '-c', 'echo $PORT $DEBUG']
  t.match(await tool('exec_run', { command, env }), { stdout: '3000 true\n' })
  t.match((await daemon.call('POST', '/exec', { command, env })).body, { stdout: '3000 true\n' })
  t.match(await tool('exec_run', { command, env: { PORT: [1] } }), { code: -32602, message: /env\.PORT is \[1\]/ })
  const { body } = await daemon.call('POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' })
  for (const { name, inputSchema } of body.result.tools) {
    for (const [field, schema] of Object.entries<{ type: string; additionalProperties?: unknown }>(
      inputSchema.properties,
    )) {
      if (schema.type === 'object') t.match(schema.additionalProperties, { type: 'string' }, `${name}.${field}`)
    }
  }
})

t.test('half a character is refused at every door, and nothing is done', async (t) => {
  const directory = t.testdir({})
  const half = join(directory, 'a\ud83d')
  const asks: readonly (readonly [string, string, object])[] = [
    ['exec_run', '/exec', { command: ['touch', half] }],
    ['exec_run', '/exec', { command: `touch ${half}` }],
    ['exec_run', '/exec', { command: ['touch', join(directory, 'b')], env: { A: '\ud83d' } }],
    ['exec_run', '/exec', { command: ['touch', join(directory, 'b')], stdin: '\udc00' }],
    ['exec_run', '/exec', { command: ['touch', join(directory, 'b')], exec_mode: '\udc00' }],
    ['terminal_create', '/terminals', { command: ['touch', half] }],
    ['terminal_create', '/terminals', { command: ['touch', join(directory, 'b')], env: { '\ud83d': 'x' } }],
    ['watcher_create', '/watchers', { path: directory, excludes: ['\ud83d'] }],
    ['file_write', '/files/write', { path: half, content: '' }],
  ]
  for (const [name, path, args] of asks) {
    for (const [door, ask] of Object.entries(DOORS)) {
      const { ok, body } = await ask(daemon, { method: 'POST', path, body: args, tool: name, args })
      t.equal(ok, false, `${door}: ${name} ${JSON.stringify(args)}`)
      t.match(body, { code: 'bad_request', message: /lone surrogate/ })
    }
  }
  for (const q of ['search_content', 'search_files']) {
    t.match(await tool(q, { q: '\ud83d', path: directory }), { code: -32602, message: /q contains a lone surrogate/ })
  }
  t.strictSame(readdirSync(directory), [])
})

t.test('extensions are read as what they mean, in every spelling, or refused by name', async (t) => {
  const path = t.testdir(
    Object.fromEntries(
      ['a.py', 'b.md', 'c.d.ts', 'd.ts', 'e.TAR.GZ', 'Makefile', '.py'].map((name) => [name, 'needle']),
    ),
  )
  const listed = async (list: unknown): Promise<string[]> =>
    names(await tool('file_list', { path, include_ext: list })).toSorted()
  const searched = async (list: unknown): Promise<string[]> =>
    Object.keys((await tool('search_content', { q: 'needle', path, file_types: list })).results).toSorted()
  const two = [
    'py md', 'py,md', 'py, md', '.py, .md', '.py .md', '*.py *.md', '*.py,*.md', '["*.py", ".md"]', 'py;md', 'py|md',
    '*.{py,md}', '{py,md}', '.{py, md}', '**/*.py **/*.md', 'PY Md', ' py\tmd ', ['py md'], ['.py', '*.md'], ['*.{py,md}'],
  ] // prettier-ignore
  for (const list of two) {
    t.strictSame(await listed(list), ['a.py', 'b.md'], JSON.stringify(list))
    t.strictSame(
      (await searched(list)).filter((name) => name !== '.py'),
      ['a.py', 'b.md'],
      JSON.stringify(list),
    )
  }
  for (const list of ['*', '**', '*.*', ['*'], '["*"]', '*, py', '', [], ' , ']) {
    t.equal((await listed(list)).length, 7, JSON.stringify(list))
    t.equal((await searched(list)).length, 6, JSON.stringify(list))
  }
  t.strictSame(await listed('d.ts'), ['c.d.ts'])
  t.strictSame(await listed('*.d.ts tar.gz'), ['c.d.ts', 'e.TAR.GZ'])
  t.strictSame(await searched('*.d.ts tar.gz'), ['c.d.ts', 'e.TAR.GZ'])
  t.strictSame(await listed('ts'), ['c.d.ts', 'd.ts'])
  for (const [field, route] of [
    ['include_ext', '/files?'],
    ['include_ext', '/files/stream?'],
    ['file_types', '/files/search?q=needle&'],
  ] as const) {
    for (const list of [
      'src/*.py',
      'p?',
      '[ch]',
      '*py',
      'test.*',
      '\\.py$',
      '"py"',
      '.',
      '*.test.{ts,js}',
      '!py',
      '{py',
    ]) {
      const refused = await daemon.call('GET', route + new URLSearchParams({ path, [field]: list }).toString())
      t.match(refused, { status: 400, body: { code: 'bad_request', details: { field } } }, `${field} ${list}`)
      t.match(refused.body.message, /is no file extension; accepted are file extensions, as in py, \.py, \*\.py/)
    }
  }
})

t.test('an array in the notation of another language is refused by name, not split into globs', async (t) => {
  const path = place(t)
  for (const list of ["['*.py']", "['py', 'js']", '["py",]']) {
    for (const field of ['include_ext', 'ignore_patterns']) {
      const query = new URLSearchParams({ path, [field]: list })
      const refused = await daemon.call('GET', `/files?${query.toString()}`)
      t.match(refused, { status: 400, body: { code: 'bad_request', details: { field } } }, `${field} ${list}`)
      t.match(refused.body.message, /another notation than JSON; accepted is an array, its JSON text/)
    }
  }
  const asGlob = new URLSearchParams({ path, ignore_patterns: `['"]*` })
  t.equal((await daemon.call('GET', `/files?${asGlob.toString()}`)).status, 200, 'a glob of brackets stays one')
})
