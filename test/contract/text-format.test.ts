// The result format `text` (protocol.md#text-format) and the choice of tools (protocol.md#choices) on a running daemon,
// with the clients' own checks: the first SDK refuses a result that lacks the structured content a tool has promised.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import t, { type Test } from 'tap'
import { HS256, jwtOf } from '../support/jwt.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

interface Result {
  readonly content: readonly { type: string; text: string; data?: string; mimeType?: string }[]
  readonly structuredContent?: Readonly<Record<string, unknown>>
  readonly isError?: boolean
  readonly _meta?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

let daemon: Daemon

t.before(async () => {
  const secret = join(t.testdir({ secret: Buffer.from(HS256).toString('latin1') }), 'secret')
  daemon = await startDaemon(t, { config: { jwt: { secret_file: secret } } })
})

async function connect(t: Test, query = '?format=text', headers: Record<string, string> = {}, token = TOKEN) {
  const client = new Client({ name: 'text', version: '0' })
  const requestInit = { headers: { authorization: `Bearer ${token}`, ...headers } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${daemon.url}/mcp${query}`), { requestInit }))
  t.teardown(() => client.close())
  const { tools } = await client.listTools()
  return {
    tools,
    names: tools.map((tool) => tool.name),
    call: async (name: string, args: object = {}) =>
      (await client.callTool({ name, arguments: { ...args } })) as Result,
  }
}

const facts = (result: Result) => result._meta?.['workspace-runtime/facts'] ?? {}

t.test('the tools whose value is text promise no structured content; the others keep theirs', async (t) => {
  const { tools } = await connect(t)
  const without = tools.filter((tool) => tool.outputSchema === undefined).map((tool) => tool.name)
  t.strictSame(without, [
    'file_list',
    'file_read',
    'file_write',
    'file_stat',
    'file_delete',
    'search_content',
    'search_files',
    'exec_run',
    'exec_list',
    'exec_get',
    'exec_input',
    'terminal_create',
    'terminal_list',
    'terminal_scrollback',
    'terminal_delete',
    'watcher_create',
    'watcher_list',
    'watcher_get',
    'watcher_delete',
  ])
  const run = tools.find((tool) => tool.name === 'exec_run')
  t.match(run?.inputSchema.properties, { wait_seconds: { default: 45, description: /Default: 45\.$/ } })
  for (const name of ['file_read', 'exec_get']) {
    const meta = tools.find((tool) => tool.name === name)?._meta
    t.equal(meta?.['anthropic/maxResultSizeChars'], 500_000, name)
  }
  const json = await connect(t, '')
  t.ok(json.tools.every((tool) => tool.outputSchema !== undefined))
})

t.test('files: numbered lines, the rest by the call that is named, images, binaries, errors', async (t) => {
  const { call } = await connect(t)
  const dir = t.testdir({})
  const path = join(dir, 'long.txt')
  const all = Array.from({ length: 5000 }, (_, i) => `the line number ${i + 1}`)
  const written = await call('file_write', { path, content: `${all.join('\n')}\n` })
  t.match(written.content[0]?.text, /^Written: .*long\.txt, now [\d,]+ bytes\.$/)
  t.notOk('structuredContent' in written)
  const seen: string[] = []
  for (let next: object | undefined = { path }; next !== undefined;) {
    const result = await call('file_read', next)
    const text = result.content[0]?.text ?? ''
    t.ok(text.length <= 40_000 && result.structuredContent === undefined)
    seen.push(...text.split('\n').filter((line) => /^\d+\t/.test(line)))
    const named: string | undefined = /\[[\d,]+ more lines: file_read (\{.*\})\]$/.exec(text)?.[1]
    next = named === undefined ? undefined : (JSON.parse(named) as object)
  }
  t.strictSame(
    seen,
    all.map((line, i) => `${i + 1}\t${line}`),
  )
  const tail = await call('file_read', { path, start_line: -2 })
  t.match(tail.content[0]?.text, /lines 4999-5000 of 5,000, [\d,]+ bytes in all\.\n4999\tthe line number 4999\n5000\t/)
  t.match(facts(tail), { path, start_line: 4999, total_lines: 5000 })
  const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n\0', 'latin1'), Buffer.alloc(200_000)])
  writeFileSync(join(dir, 'a.png'), png)
  const image = await call('file_read', { path: join(dir, 'a.png') })
  t.match(image.content[0]?.text, /a\.png: image\/png, 200,009 bytes\.$/)
  t.strictSame(image.content[1], { type: 'image', data: png.toString('base64'), mimeType: 'image/png' })
  writeFileSync(join(dir, 'a.bin'), 'a\0b')
  t.match(
    (await call('file_read', { path: join(dir, 'a.bin') })).content[0]?.text,
    /octet-stream, 3 bytes; not text\.$/,
  )
  const exact = await call('file_read', { path: join(dir, 'a.bin'), encoding: 'base64' })
  t.match(exact.content[0]?.text, /a\.bin: 3 bytes in all, as base64\.\nYQBi$/)
  const raw = await call('file_read', { path, start_line: 1, end_line: 1, with_line_numbers: false })
  t.match(
    raw.content[0]?.text,
    /lines 1-1 of 5,000, .*\nthe line number 1\n\[4,999 more lines: .*"with_line_numbers":false/,
  )
  const missing = await call('file_read', { path: join(dir, 'lang.txt') })
  t.equal(missing.isError, true)
  t.match(missing.content[0]?.text, /does not exist\. Call again with ".*long\.txt"\.$/)
  t.match(facts(missing), { code: 'not_found' })
  t.match((await call('file_delete', { path })).content[0]?.text, /^Deleted: /)
})

t.test('commands: short, long with its middle reachable, running on', async (t) => {
  const { call } = await connect(t)
  const short = await call('exec_run', { command: 'printf "\\033[32mok\\033[0m\\n"; exit 3' })
  t.match(short.content[0]?.text, /^Command \d+ exited with code 3 after \d+\.\d s\.\nstdout:\nok$/)
  t.match(facts(short), { exit_code: 3, status: 'exited' })
  t.notOk('stdout' in facts(short))
  const all = Array.from({ length: 100_000 }, (_, i) => `line ${i + 1}\n`).join('')
  const long = await call('exec_run', { command: 'seq -f "line %.0f" 100000' })
  const shown = long.content[0]?.text ?? ''
  t.ok(shown.length <= 40_000)
  const [, from = '', to = '', next = ''] =
    /\[left out: bytes (\d+)-(\d+) of stdout, [\d,]+ bytes; exec_get (\{.*?\}) shows them\]/.exec(shown) ?? []
  t.match(shown, new RegExp(`\\n${all.slice(0, Number(from)).trimEnd().split('\n').at(-1) ?? ''}\\n\\[left out`))
  t.match(shown, /line 100000$/)
  let middle = ''
  for (let args = JSON.parse(next) as { offset: number }; args.offset < Number(to);) {
    const part = (await call('exec_get', args)).content[0]?.text ?? ''
    const lines = part.split('\n')
    middle += `${lines.slice(1, -1).join('\n')}\n`
    args = JSON.parse(/\[next: exec_get (\{.*\})\]$/.exec(part)?.[1] ?? '{"offset":1e9}') as { offset: number }
  }
  // A part ends where its bytes do, so a line may be in two of them.
  const expected = all.slice(Number(from))
  t.ok(middle.replaceAll('\n', '').startsWith(expected.slice(0, Number(to) - Number(from)).replaceAll('\n', '')))
  const slow = await call('exec_run', {
    command: ['sh', '-c', 'echo begun; read x; exit 4'],
    wait_seconds: 0.1,
    background: false,
  })
  t.match(slow.content[0]?.text, /^Command \d+ exited with code 4/, 'without stdin nothing waits')
  const server = await call('exec_run', { command: ['sleep', '30'], wait_seconds: 0.05 })
  const text = server.content[0]?.text ?? ''
  const [, id = ''] =
    /^Command (\d+) is running\.\nNo output so far\.\n\[it runs on; exec_get \{"id":"\d+","wait_seconds":45\}/.exec(
      text,
    ) ?? []
  await call('exec_delete', { id })
  const gone = await call('exec_get', { id })
  t.match(gone.content[0]?.text, new RegExp(`^Task "${id}" is unknown`))
})

t.test('what a timed-out command left in a session of its own is named', async (t) => {
  const { call } = await connect(t)
  const line = 'setsid sleep 701 >/dev/null 2>&1 & sleep 704'
  const result = await call('exec_run', { command: ['sh', '-c', line], timeout_seconds: 0.5 })
  const text = result.content[0]?.text ?? ''
  const pid = Number(/ Some of its processes live on: sleep \(pid (\d+)\)\./.exec(text)?.[1])
  t.ok(pid, text)
  process.kill(pid, 'SIGKILL')
})

t.test('searches and lists stay short', async (t) => {
  const { call } = await connect(t)
  const files = Object.fromEntries(
    Array.from({ length: 900 }, (_, i) => [`a-file-${i}.txt`, `needle ${'x'.repeat(300)}\n`]),
  )
  const path = t.testdir(files)
  const found = await call('search_content', { q: 'needle', path, max_results: 10_000 })
  t.ok((found.content[0]?.text.length ?? 0) <= 40_000)
  t.match(found.content[0]?.text, /^900 matching lines in 900 files under .*\na-file-\d+\.txt\n1:needle x+/)
  t.match(
    (await call('search_files', { q: 'a-file-77', path })).content[0]?.text,
    /^11 files under .*\na-file-77\.txt\n/,
  )
})

t.test('a listing is lines; a long one keeps its top and names the call that goes on', async (t) => {
  const { call } = await connect(t)
  const path = t.testdir({
    src: { 'main.ts': 'x'.repeat(1234), deep: { 'a\nb.txt': '' } },
    'z.txt': '',
    link: t.fixture('symlink', 'z.txt'),
  })
  const small = await call('file_list', { path, nested: true })
  t.notOk('structuredContent' in small)
  t.equal(
    small.content[0]?.text,
    `6 entries below ${path}.\nlink@\nsrc/\nsrc/deep/\n"src/deep/a\\nb.txt"  0\nsrc/main.ts  1,234\nz.txt  0`,
  )
  t.match(facts(small), { path, count: 6 })
  const wide = t.testdir({ ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`dir-${i}`, Object.fromEntries(Array.from({ length: 200 }, (__, j) => [`a file with quite a long name ${j}`, '']))])), 'zz-last': '' }) // prettier-ignore
  const cut = (await call('file_list', { path: wide, nested: true })).content[0]?.text ?? ''
  t.ok(cut.length <= 40_000, String(cut.length))
  for (const name of ['dir-0/', 'dir-29/', 'zz-last']) t.match(cut, new RegExp(`^${name}`, 'm'), name)
  const next = /\[there are more: file_list (\{.*\})\]$/.exec(cut)?.[1]
  t.match((await call('file_list', JSON.parse(next ?? '{}'))).content[0]?.text, /^200 entries below .*dir-\d+\.\n/)
  const flat = Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`a-file-with-a-name-${i}`, '']))
  const many = t.testdir(flat)
  const seen: string[] = []
  for (let args: object | undefined = { path: many, light: true }; args !== undefined;) {
    const text: string = (await call('file_list', args)).content[0]?.text ?? ''
    seen.push(...text.split('\n').filter((line) => line.startsWith('a-file')))
    const more: string | undefined = /\[there are more: file_list (\{.*\})\]$/.exec(text)?.[1]
    args = more === undefined ? undefined : (JSON.parse(more) as object)
  }
  t.strictSame(seen, Object.keys(flat).toSorted())
})

t.test('paths, commands, terminals and watchers are told in lines', async (t) => {
  const { call } = await connect(t, '?format=text&toolsets=default,terminal')
  const dir = t.testdir({ 'a.txt': 'abc' })
  const text = async (name: string, args: object = {}) => (await call(name, args)).content[0]?.text ?? ''
  t.match(
    await text('file_stat', { path: join(dir, 'a.txt') }),
    /a\.txt: file, 3 bytes, 0644, uid \d+, gid \d+, modified /,
  )
  const run = await call('exec_run', { command: ['cat'], background: true })
  const id = String(facts(run)['id'])
  t.match(
    await text('exec_list'),
    new RegExp(`\\d+ commands?:\\n[^]*${id}  running  since .*  cat\\n\\[output: exec_get`),
  )
  t.equal(
    await text('exec_input', { id, input: 'hi\n', eof: true }),
    `Written: 3 bytes to command ${id}. Its stdin is closed.`,
  )
  const made = await text('terminal_create', { command: ['cat'], cwd: dir })
  const [, terminal = ''] =
    /^Terminal (\d+)  alive  80×24  in .*  cat\.\n\[what it prints: terminal_scrollback \{/.exec(made) ?? []
  t.match(await text('terminal_list'), new RegExp(`^1 terminal:\\n${terminal}  alive`))
  t.equal(await text('terminal_input', { id: terminal, input: 'x' }), `Written: 1 byte to terminal ${terminal}.`)
  t.equal(
    await text('terminal_resize', { id: terminal, cols: 100, rows: 30 }),
    `Terminal ${terminal} has 100 columns and 30 rows.`,
  )
  t.match(
    await text('terminal_delete', { id: terminal }),
    new RegExp(`^Terminal ${terminal} is closed and forgotten\\.`),
  )
  const watched = await text('watcher_create', { path: dir })
  const next = JSON.parse(/\[what follows: watcher_get (\{.*\})\]$/.exec(watched)?.[1] ?? '{}') as { id: string }
  writeFileSync(join(dir, 'new.txt'), '')
  t.match(
    await text('watcher_get', next),
    /^Watcher \d+: .*, 1 directory\.\n(create|write)  new\.txt\n\[what follows: watcher_get/,
  )
  t.match(await text('watcher_list'), /^1 watcher:\n/)
  t.equal(await text('watcher_delete', { id: next.id }), `Watcher ${next.id} is deleted.`)
})

t.test('a terminal is read as text', async (t) => {
  const { call } = await connect(t)
  const made = await call('terminal_create', { command: ['sh', '-c', 'printf "\\033[1mhello\\033[0m\\n"; sleep 30'] })
  const id = String(facts(made)['id'])
  const read = await call('terminal_scrollback', { id, from: 0, wait_seconds: 10 })
  t.match(
    read.content[0]?.text,
    /^The terminal is alive\. Bytes 0-\d+ of what it printed:\nhello\n\[what follows: terminal_scrollback \{"id":"\d+","from":\d+,"wait_seconds":20\}\]$/,
  )
  await call('terminal_delete', { id })
})

t.test('toolsets and read-only: what is not chosen is neither listed nor callable', async (t) => {
  const some = await connect(t, '?toolsets=search,exec', { 'x-mcp-readonly': '1' })
  t.strictSame(some.names, ['search_content', 'search_files', 'exec_list', 'exec_get'])
  for (const name of ['exec_run', 'file_stat']) {
    await t.rejects(some.call(name), { code: -32602, message: /Unknown tool here/ }, name)
  }
  t.match(await some.call('exec_list'), { structuredContent: { tasks: Array } })
  const extra = await connect(t, '', { 'x-mcp-toolsets': 'default,terminal' })
  t.strictSame(extra.names.slice(23), ['terminal_input', 'terminal_resize'])
  const debug = await daemon.call('GET', '/mcp?toolsets=search')
  t.equal(debug.body.tool_count, 3)
  const slip = await daemon.call('POST', '/mcp?toolsets=flies', { jsonrpc: '2.0', id: 1, method: 'tools/list' })
  t.equal(slip.status, 400)
  t.match(slip.body.error, { code: -32602, message: /no toolset "flies"/ })
})

t.test('instructions carry what the workspace says, read anew, for those who may read files', async (t) => {
  const dir = t.testdir({ 'AGENTS.md': 'Use tabs.', 'TEAM.md': 'Ask first.' })
  const secret = join(t.testdirName, '../jwt-secret')
  writeFileSync(secret, HS256)
  t.teardown(() => rmSync(secret))
  const config = { jwt: { secret_file: secret }, mcp: { instructions: ['AGENTS.md', join(dir, 'TEAM.md')] } }
  const other = await startDaemon(t, { args: ['--workdir', dir], config })
  const ask = async (authorization = `Bearer ${TOKEN}`): Promise<string> => {
    const message = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } }
    return (await other.call('POST', '/mcp', message, { authorization })).body.result.instructions
  }
  t.match(
    await ask(),
    /AGENTS\.md \(not from this server\):\nUse tabs\.\n\n.*TEAM\.md \(not from this server\):\nAsk first\.$/,
  )
  writeFileSync(join(dir, 'AGENTS.md'), 'Use spaces.')
  t.match(await ask(), /Use spaces\./)
  writeFileSync(join(dir, 'AGENTS.md'), 'A long one. '.repeat(500))
  t.match(await ask(), /resource runtime:\/\/guide\.\n\n[^]*\n\[cut\]$/)
  const read = { jsonrpc: '2.0', id: 2, method: 'resources/read', params: { uri: 'runtime://guide' } }
  const guide = (await other.call('POST', '/mcp', read)).body.result.contents[0].text
  t.ok(guide.includes('A long one. '.repeat(500).trim()) && guide.includes('Ask first.'), 'the guide has all of it')
  const exp = Math.floor(Date.now() / 1000) + 600
  t.notMatch(await ask(`Bearer ${jwtOf({ exp, scope: 'exec' })}`), /A long one/)
})

t.test('a credential that allows nothing gets nothing but what strangers get', async (t) => {
  const exp = Math.floor(Date.now() / 1000) + 600
  const authorization = `Bearer ${jwtOf({ exp, scope: 'nothing that we know' })}`
  for (const path of ['/runtime', '/runtimes', '/health/detail', '/metrics', '/openapi.json', '/files/stat?path=/']) {
    t.match(await daemon.call('GET', path, undefined, { authorization }), { status: 403 }, path)
  }
  t.match(await daemon.call('GET', '/health', undefined, { authorization }), { status: 200, body: { status: 'ok' } })
})

t.test('the scope of a JWT narrows tools and routes, and no choice widens it', async (t) => {
  const exp = Math.floor(Date.now() / 1000) + 600
  const token = jwtOf({ exp, scope: 'files:read search' })
  const authorization = `Bearer ${token}`
  for (const query of ['', '?toolsets=files,exec,search,default', '?format=text&readonly=0']) {
    const { names, call } = await connect(t, query, {}, token)
    t.strictSame(names, ['file_list', 'file_read', 'file_stat', 'search_content', 'search_files', 'search_init'], query)
    const refused = await call('exec_run', { command: ['true'] })
    t.equal(refused.isError, true)
    t.match(refused.content[0]?.text, /(lacks the scope \\?"exec)/)
  }
  const modern = await daemon.call(
    'POST',
    '/mcp?toolsets=default',
    {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'file_write',
        arguments: { path: '/tmp/never', content: '' },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    },
    {
      authorization,
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'file_write',
    },
  )
  t.equal(modern.status, 403)
  t.match(modern.headers.get('www-authenticate'), /insufficient_scope/)
  const rest = async (method: string, path: string, body?: object) =>
    (await daemon.call(method, path, body, { authorization })).status
  t.equal(await rest('GET', '/files/stat?path=/tmp'), 200)
  t.equal(await rest('GET', '/files/search?q=x&path=/etc/hostname'), 200)
  t.equal(await rest('POST', '/files/mkdir', { path: '/tmp/never' }), 403)
  t.equal(await rest('POST', '/exec', { cmd: ['true'] }), 403)
  t.equal(await rest('POST', '/terminals', {}), 403)
  t.equal(await rest('POST', '/watchers', { path: '/tmp' }), 403)
  t.equal(await rest('GET', '/exec/1'), 403)
})

t.test(
  'the rest of a long line, and of a terminal from an offset on, is had by the calls that are named',
  async (t) => {
    const { call } = await connect(t)
    const path = join(t.testdir({}), 'line')
    const line = Array.from({ length: 20_000 }, (_, i) => `é${i} `).join('')
    writeFileSync(path, `first\n${line}\nlast\n`)
    const read = await call('file_read', { path, start_line: 2 })
    const text = read.content[0]?.text ?? ''
    const begin = /^2\t(.*)… \[line cut\]$/m.exec(text)?.[1] ?? ''
    const next = /\[line 2 goes on: exec_run (\{.*\})\]$/m.exec(text)?.[1] ?? '{}'
    const rest = (await call('exec_run', JSON.parse(next) as object)).content[0]?.text ?? ''
    t.ok(line.startsWith(begin + (rest.split('\n')[2] ?? '?')), 'it begins where the line was cut')
    t.match(rest, /left out: bytes .*exec_get/)

    const script = 'seq 30000; exec sleep 60'
    const opened = await call('terminal_create', { command: ['sh', '-c', script], scrollback_size: 262_144 })
    const id = String(facts(opened)['id'])
    // Where a read meets the end of what there is so far, a line stands in two answers; so all of it is printed first.
    await until('all is printed', async () =>
      ((await call('terminal_scrollback', { id })).content[0]?.text ?? '').includes('\n30000\n'),
    )
    const seen: string[] = []
    for (let args: object | undefined = { id, from: 0, wait_seconds: 20 }; args !== undefined;) {
      const shown: string = (await call('terminal_scrollback', args)).content[0]?.text ?? ''
      seen.push(...shown.split('\n').filter((one) => /^\d+$/.test(one)))
      const named: string | undefined = /\[(?:[\d,]+ more bytes|what follows): terminal_scrollback (\{.*\})\]$/.exec(
        shown,
      )?.[1]
      args = seen.at(-1) === '30000' || named === undefined ? undefined : (JSON.parse(named) as object)
    }
    t.equal(seen.at(-1), '30000')
    t.ok(new Set(seen).size >= 30_000, `nothing is left out: ${new Set(seen).size}`)
    const end = (await call('terminal_scrollback', { id })).content[0]?.text ?? ''
    t.match(end, /\[bytes 0-\d+ are left out: terminal_scrollback \{"id":"\d+","from":0\}\]/)
    await call('terminal_delete', { id })
  },
)

t.test('an extension may come as a glob', async (t) => {
  const { call } = await connect(t)
  const path = t.testdir({ 'a.py': '', 'b.md': '', 'c.tar.gz': '' })
  for (const include_ext of ['*.py', ['*.py'], '["*.py"]', '.py']) {
    const { content } = await call('file_list', { path, include_ext })
    t.match(content[0]?.text, /^1 entry below .*\na\.py/, JSON.stringify(include_ext))
  }
})

t.test('a name search that is cut for any reason names the call that shows the rest', async (t) => {
  const { call } = await connect(t)
  const path = t.testdir({})
  const names = Array.from(
    { length: 900 },
    (_, i) => `a name that is rather long, so that many of them do not fit ${i}.txt`,
  )
  for (const name of names) writeFileSync(join(path, name), '')
  for (const limits of [{ max_results: 100 }, { max_results: 2000 }, {}]) {
    const seen = new Set<string>()
    let calls = 0
    for (let args: object | undefined = { q: 'rather', path, ...limits }; args !== undefined && calls < 50; calls++) {
      const text: string = (await call('search_files', args)).content[0]?.text ?? ''
      for (const line of text.split('\n')) if (line.endsWith('.txt')) seen.add(line)
      const named: string | undefined = / search_files (\{.*\}) shows/.exec(text)?.[1]
      args = named === undefined ? undefined : (JSON.parse(named) as object)
    }
    t.ok(calls > 1 && calls < 50)
    t.equal(seen.size, 900, JSON.stringify(limits))
  }
})
