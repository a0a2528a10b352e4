// A result of MCP is never longer than its budget: 900,000 bytes of message and 400,000 of text, unless the caller
// takes more. What is longer comes cut, is still the JSON of the tool, says so, and names the call that reads on.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

const MESSAGE = 900_000
const TEXT = 400_000

let daemon: Daemon
let schemas: Map<string, { readonly required: readonly string[] }>
t.before(async () => {
  daemon = await startDaemon(t)
  const { body } = await send({ method: 'tools/list' })
  const tools: { name: string; outputSchema: { required: readonly string[] } }[] = body.result.tools
  schemas = new Map(tools.map((tool) => [tool.name, tool.outputSchema]))
})

/** As a client of 2025-11-25 sends it; with `bytes`, what the whole answer may have. */
async function send(message: object, query = '', headers: Record<string, string> = {}) {
  const response = await fetch(`${daemon.url}/mcp${query}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 'an id', ...message }),
  })
  const text = await response.text()
  const bytes = Buffer.byteLength(text)
  const json = /^event: message\ndata: (.*)$/m.exec(text.replace(/^: .*\n\n/gm, ''))?.[1] ?? text
  return { bytes, type: response.headers.get('content-type'), body: JSON.parse(json) }
}

// oxlint-disable-next-line typescript/no-explicit-any -- the bodies of any tool
async function tool(t: Test, name: string, args: object, query = ''): Promise<any> {
  const { bytes, body } = await send({ method: 'tools/call', params: { name, arguments: args } }, query)
  const { content, structuredContent, isError } = body.result
  const label = `${name} ${JSON.stringify(args).slice(0, 100)}`
  t.notOk(isError, `${label} ${isError ? content[0].text : ''}`)
  t.strictSame(JSON.parse(content[0].text), structuredContent, `${label}: text and structured content are one`)
  const most = Number(new URLSearchParams(query).get('max_result_bytes') ?? MESSAGE)
  t.ok(bytes <= most, `${label}: ${bytes} bytes`)
  if (query === '') t.ok(Buffer.byteLength(content[0].text) <= TEXT, `${label}: ${content[0].text.length} of text`)
  for (const field of schemas.get(name)?.required ?? []) t.ok(field in structuredContent, `${label}: ${field}`)
  return structuredContent
}

interface Found {
  readonly matches: readonly { readonly path: string; readonly line_number: number }[]
}

const lineNames = ({ matches }: Found) => matches.map(({ path, line_number }) => `${path}:${line_number}`)

const follow = (t: Test, { tool: name, arguments: args }: { tool: string; arguments: object }) => tool(t, name, args)

t.test('a file is read on line by line until all of it is there', async (t) => {
  const path = join(t.testdir({}), 'long.txt')
  const lines = Array.from({ length: 60_000 }, (_, i) => `line ${i} "quoted" \\ \u2028 ü`)
  writeFileSync(path, `${lines.join('\n')}\n`)
  let whole = ''
  let calls = 0
  for (let next: object | undefined = { path }; next !== undefined; calls++) {
    const part: { content: string; content_truncated?: boolean; next?: { tool: string; arguments: object } } =
      await tool(t, 'file_read', next)
    whole += part.content
    t.equal(part.content_truncated, part.next === undefined ? undefined : true)
    next = part.next?.arguments
  }
  t.ok(calls > 2)
  t.ok(whole === `${lines.join('\n')}\n`, 'nothing is missing')
  const some = await tool(t, 'file_read', { path, start_line: 10, end_line: 12 })
  t.match(some, { lines: 3, next: undefined, content_truncated: undefined })
})

t.test('a file of one line, of control characters, and as base64', async (t) => {
  const directory = t.testdir({})
  const path = join(directory, 'one-line')
  writeFileSync(path, 'ab"\\'.repeat(300_000))
  const first = await tool(t, 'file_read', { path })
  t.match(first, { content_truncated: true, line_cut: true })
  const rest = await follow(t, first.next)
  t.match(rest, { exit_code: 0, stderr: '' })
  t.equal(
    rest.stdout.slice(0, 1000),
    'ab"\\'.repeat(300_000).slice(first.content.length).slice(0, 1000),
    'the rest follows',
  )
  const controls = join(directory, 'controls')
  writeFileSync(controls, `${'\x01'.repeat(999)}\n`.repeat(2000))
  t.equal((await tool(t, 'file_read', { path: controls })).content_truncated, true)
  const exact = join(directory, 'exact')
  writeFileSync(exact, Buffer.alloc(1_500_000, Buffer.from([0, 255, 10, 200])))
  let bytes = Buffer.alloc(0)
  for (let next: object | undefined = { path: exact, encoding: 'base64' }; next !== undefined;) {
    const part: { content: string; next?: { arguments: object } } = await tool(t, 'file_read', next)
    bytes = Buffer.concat([bytes, Buffer.from(part.content, 'base64')])
    next = part.next?.arguments
  }
  t.ok(bytes.equals(Buffer.alloc(1_500_000, Buffer.from([0, 255, 10, 200]))))
})

t.test('the output of a command is there at both ends, and what lies between is named', async (t) => {
  const all = Array.from({ length: 300_000 }, (_, i) => `line ${i + 1}\n`).join('')
  const run = await tool(t, 'exec_run', { command: 'seq -f "line %.0f" 300000' })
  t.match(run, { exit_code: 0, stdout_truncated: true, stdout_bytes: all.length, next: { tool: 'exec_get' } })
  t.ok(all.startsWith(run.stdout) && all.endsWith(run.stdout_tail))
  t.equal(all.slice(run.stdout_tail_offset), run.stdout_tail)
  let output: string = run.stdout
  for (let next = run.next; output.length < run.stdout_tail_offset;) {
    const part = await follow(t, next)
    output += part.stdout
    next = { tool: 'exec_get', arguments: { ...next.arguments, offset: part.next_offset } }
  }
  t.ok(all.startsWith(output), 'nothing is missing')
  const looked = await tool(t, 'exec_get', { id: run.id })
  t.ok(looked.stdout_truncated && all.endsWith(looked.stdout_tail ?? looked.stdout))
  const range = await tool(t, 'exec_get', { id: run.id, stream: 'stdout', offset: 5, limit: 1024 * 1024 })
  t.equal(all.slice(5, range.next_offset), range.stdout)
  const both = await tool(t, 'exec_run', { command: 'seq 200000; seq 200000 >&2; printf "\\001%.0s" $(seq 100000)' })
  t.match(both, { stdout_truncated: true, stderr_truncated: true, next: { arguments: { stream: 'stdout' } } })
  const script = `# ${'"\\'.repeat(400_000)}\necho done`
  t.match(await tool(t, 'exec_run', { command: ['sh', '-c', script] }), { stdout: 'done\n', command_truncated: true })
})

t.test('a listing: a list is read on, a tree keeps its top', async (t) => {
  const directory = t.testdir({})
  const names = Array.from({ length: 3000 }, (_, i) => `a rather long name of a file with the number ${i}.txt`).sort()
  mkdirSync(join(directory, 'flat'))
  for (const name of names) writeFileSync(join(directory, 'flat', name), '')
  const path = join(directory, 'flat')
  const seen: string[] = []
  for (let next: object | undefined = { path }; next !== undefined;) {
    const part: { entries: { name: string }[]; truncated?: true; next?: { arguments: object } } = await tool(
      t,
      'file_list',
      next,
    )
    seen.push(...part.entries.map(({ name }) => name))
    t.equal(part.truncated, part.next === undefined ? undefined : true)
    next = part.next?.arguments
  }
  t.strictSame(seen, names)
  for (const name of ['zz', 'aa']) mkdirSync(join(directory, name, 'deep'), { recursive: true })
  const tree = await tool(t, 'file_list', { path: directory, nested: true })
  t.strictSame(
    tree.entries.map(({ name }: { name: string }) => name),
    ['aa', 'flat', 'zz'],
  )
  t.match(tree, { truncated: true, cut_at: path, next: { tool: 'file_list', arguments: { path: directory } } })
  t.equal(tree.entries[1].truncated, true)
  t.ok(tree.entries[1].children.length > 100)
  writeFileSync(join(directory, 'aa', 'big.txt'), 'x'.repeat(600_000))
  const listed = await tool(t, 'file_list', { path: join(directory, 'aa'), include_content: true })
  t.match(listed.entries, [{ name: 'big.txt', content_skipped: 'budget' }, { name: 'deep' }])
})

t.test('searches', async (t) => {
  const directory = t.testdir({})
  for (let i = 0; i < 12; i++) writeFileSync(join(directory, `${i}`), `needle ${'x'.repeat(900)}\n`.repeat(100))
  const found = await tool(t, 'search_content', { q: 'needle', path: directory, max_results: 10_000 })
  t.match(found, { capped: true, next: { tool: 'search_content' } })
  t.equal(found.matches.length, found.total_matches)
  const lines = Object.values<object[]>(found.results).reduce((sum, some) => sum + some.length, 0)
  t.equal(lines, found.total_matches)
  const seen = new Set(lineNames(found))
  for (let next = found.next; next !== undefined;) {
    const part = await follow(t, next)
    for (const line of lineNames(part)) seen.add(line)
    next = part.next
  }
  t.equal(seen.size, 1200, 'the calls that are named lead to every line')
  const deep = join(directory, ...Array.from({ length: 8 }, () => 'd'.repeat(200)))
  mkdirSync(deep, { recursive: true })
  for (let i = 0; i < 400; i++) writeFileSync(join(deep, `needle-${i}`), '')
  const named = await tool(t, 'search_files', { q: 'needle-', path: directory, max_results: 10_000 })
  t.equal(named.truncated, true)
  t.ok(named.total_files > 100)
})

t.test('a terminal, a watcher, lists of commands and terminals', async (t) => {
  const script =
    'i=0; while [ $i -lt 3000 ]; do printf "\\033[31m\\001\\001\\001%060d\\033[0m\\r\\n" $i; i=$((i+1)); done; sleep 60'
  const terminal = await tool(t, 'terminal_create', { command: ['sh', '-c', script], scrollback_size: 262_144 })
  const id: string = terminal.id
  for (let from = 0, ended = false; !ended;) {
    const part = await tool(t, 'terminal_scrollback', { id, text: true, from, wait_seconds: 20 })
    ended = part.scrollback.includes('2999')
    from = part.next
  }
  const last = await tool(t, 'terminal_scrollback', { id, text: true })
  t.ok(last.scrollback.includes('2999'))
  if (last.scrollback_truncated) t.ok((await follow(t, last.next_call)).from < last.from)
  await tool(t, 'terminal_delete', { id })
  const word = 'y"'.repeat(50_000)
  for (let i = 0; i < 12; i++) await tool(t, 'exec_run', { command: ['true', word] })
  const listed = await tool(t, 'exec_list', {})
  t.equal(listed.truncated, true)
})

t.test('resources', async (t) => {
  const path = join(t.testdir({}), 'long.txt')
  writeFileSync(path, `${'"line"\\'.repeat(20)}\n`.repeat(10_000))
  for (const [name, query] of [
    ['cut', ''],
    ['whole', '?max_result_bytes=16777216'],
  ]) {
    const { bytes, body } = await send({ method: 'resources/read', params: { uri: `file://${path}` } }, query)
    const [contents] = body.result.contents
    t.equal(bytes <= MESSAGE, name === 'cut', `${bytes}`)
    t.match(contents._meta, name === 'cut' ? { 'workspace-runtime/facts': { truncated: true } } : undefined)
    if (name === 'cut') t.ok(Buffer.byteLength(JSON.stringify(contents.text)) <= TEXT)
  }
})

t.test('who takes more gets more, as plain JSON, and in the modern era too', async (t) => {
  const path = join(t.testdir({}), 'two')
  writeFileSync(path, `${'x'.repeat(1023)}\n`.repeat(2048))
  const whole = await tool(t, 'file_read', { path }, '?max_result_bytes=16777216')
  t.equal(whole.content.length, 2 * 1024 * 1024)
  t.ok((await tool(t, 'file_read', { path }, '?max_result_bytes=20000')).content.length > 5000)
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { name: 'file_read', arguments: { path }, _meta: { ...meta, progressToken: 1 } }
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'file_read' }
  const modern = await send({ method: 'tools/call', params }, '?max_result_bytes=16777216', headers)
  t.match(modern.type, /^application\/json/)
  t.equal(modern.body.result.structuredContent.content.length, 2 * 1024 * 1024)
  t.ok((await send({ method: 'tools/call', params }, '', headers)).bytes <= MESSAGE)
  for (const slip of ['1000', 'x', '99999999', '-1', '']) {
    const { body } = await send({ method: 'ping' }, `?max_result_bytes=${slip}`)
    t.match(body.error, { code: -32602, message: /max_result_bytes is .*; accepted is an integer from 16384/ }, slip)
  }
})

t.test('an image that is too long for a result in the format text is told, not sent', async (t) => {
  const path = join(t.testdir({}), 'a.png')
  writeFileSync(path, Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n\0', 'latin1'), Buffer.alloc(800_000)]))
  const params = { name: 'file_read', arguments: { path } }
  const { bytes, body } = await send({ method: 'tools/call', params }, '?format=text')
  t.ok(bytes <= MESSAGE)
  t.match(JSON.stringify(body.result.content), /too large for one result/)
  const json = await tool(t, 'file_read', { path, encoding: 'auto' })
  t.equal(json.content_truncated, true)
})

t.test('a client that follows the named calls reaches the end of every answer that was cut', async (t) => {
  const directory = t.testdir({})
  const run = await tool(t, 'exec_run', { command: ['seq', '300000'] })
  let output: string = run.stdout
  for (let next = run.next; next !== undefined;) {
    const part = await follow(t, next)
    output += part.stdout
    next = part.next
  }
  t.equal(output, Array.from({ length: 300_000 }, (_, i) => `${i + 1}\n`).join(''))
  const exact = await tool(t, 'exec_get', { id: run.id, stream: 'stdout', offset: 0, limit: 300, encoding: 'base64' })
  t.match(exact.next.arguments, { offset: 300, limit: 300, encoding: 'base64' })
  t.equal((await follow(t, exact.next)).encoding, 'base64')

  for (const name of ['a', 'b[1]', 'c d ', '!e', '#f']) {
    for (const inner of ['', 'in']) {
      const place = join(directory, 'tree', name, inner)
      mkdirSync(place, { recursive: true })
      for (let i = 0; i < 200; i++) writeFileSync(join(place, `needle ${i} ${'n'.repeat(90)}`), 'needle\n'.repeat(5))
    }
  }
  const root = join(directory, 'tree')
  for (const query of ['', '?max_result_bytes=65536']) {
    const names = new Set<string>()
    for (let next: object | undefined = { path: root, nested: 'true' }; next !== undefined;) {
      const part: { entries: Entry[]; next?: { arguments: object } } = await tool(t, 'file_list', next, query)
      for (const name of namesIn(part.entries)) names.add(name)
      next = part.next?.arguments
    }
    t.equal(names.size, 10 + 2000, `every entry of the tree ${query}`)
  }
})

interface Entry {
  readonly path: string
  readonly children?: readonly Entry[]
}

const namesIn = (entries: readonly Entry[]): string[] =>
  entries.flatMap(({ path, children }) => [path, ...namesIn(children ?? [])])

t.test('the rest of a line begins where what is shown ends, with numbers and without', async (t) => {
  const directory = t.testdir({})
  const path = join(directory, 'line')
  writeFileSync(path, Array.from({ length: 150_000 }, (_, i) => `${i} `).join(''))
  const all = readFileSync(path, 'utf8')
  for (const with_line_numbers of [true, 'true', false]) {
    const first = await tool(t, 'file_read', { path, with_line_numbers })
    const shown = first.content.replace(/^1\t/, '')
    const rest = await follow(t, first.next)
    t.ok(all.startsWith(shown + rest.stdout.slice(0, 1000)), `${with_line_numbers}`)
  }
  writeFileSync(path, Buffer.from('\xe9 '.repeat(300_000), 'latin1'))
  const lossy = await tool(t, 'file_read', { path })
  const from = Number(/\+(\d+)$/.exec(lossy.next.arguments.command[2])?.[1]) - 1
  t.ok(from <= 2 * (lossy.content.length / 2), `nothing between is hidden: ${from}`)
})

t.test('a file with more matches than fit does not hide those of other files', async (t) => {
  const directory = t.testdir({ 'a [1].txt': 'needle\n'.repeat(2000), 'b.txt': 'needle\n', 'c.txt': 'needle\n' })
  const files = new Set<string>()
  for (let next: object | undefined = { q: 'needle', path: directory, max_results: 5000 }; next !== undefined;) {
    const part: Found & { next?: { tool: string; arguments: object } } = await tool(
      t,
      'search_content',
      next,
      '?max_result_bytes=16384',
    )
    for (const { path } of part.matches) files.add(path)
    next = part.next?.tool === 'search_content' ? part.next.arguments : undefined
  }
  t.equal(files.size, 3)
  const path = join(directory, 'a [1].txt')
  const one = await tool(t, 'search_content', { q: 'needle', path, max_results: 5000 }, '?max_result_bytes=16384')
  const line = one.matches.at(-1).line_number
  t.match(one.next, { tool: 'file_read', arguments: { path, start_line: line + 1 } })
})

t.test('a name search that was cut, by the budget or by max_results, is read on to its end', async (t) => {
  const path = t.testdir({})
  const names = Array.from(
    { length: 5000 },
    (_, i) => `d${i % 7}/a rather long name of a file with the number ${i} ${'x'.repeat(60)}.txt`,
  )
  for (let i = 0; i < 7; i++) mkdirSync(join(path, `d${i}`))
  for (const name of names) writeFileSync(join(path, name), '')
  for (const limits of [{ max_results: 10_000 }, { max_results: 300 }, { max_results: '999' }, {}]) {
    const seen: string[] = []
    let calls = 0
    for (let next: object | undefined = { q: 'number', path, ...limits }; next !== undefined; calls++) {
      const part = await tool(t, 'search_files', next)
      t.equal(part.truncated, part.next === undefined ? undefined : true)
      t.equal(part.next?.tool, part.next === undefined ? undefined : 'search_files')
      seen.push(...part.files)
      next = part.next?.arguments
    }
    t.ok(calls > 1, JSON.stringify(limits))
    t.strictSame(seen.toSorted(), names.toSorted(), JSON.stringify(limits))
  }
  const rest = await daemon.call(
    'GET',
    `/files/search/files?q=number&max_results=10000&offset=4990&path=${encodeURIComponent(path)}`,
  )
  t.match(rest.body, { total_files: 10, truncated: undefined, next: undefined })
})

t.test('a listing and a content search that end at their own limits name the next call', async (t) => {
  const path = t.testdir(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, 'needle\n'.repeat(5)])))
  const entries: string[] = []
  for (let next: object | undefined = { path, max_entries: 15 }; next !== undefined;) {
    const part = await tool(t, 'file_list', next)
    entries.push(...part.entries.map(({ name }: { name: string }) => name))
    next = part.next?.arguments
  }
  t.equal(new Set(entries).size, 40)
  t.equal(entries.length, 40)
  const lines = new Set<string>()
  let calls = 0
  for (
    let next: object | undefined = { path, q: 'needle', max_results: 33 };
    next !== undefined && calls < 20;
    calls++
  ) {
    const part = await tool(t, 'search_content', next)
    for (const line of lineNames(part)) lines.add(line)
    next = part.next?.arguments
  }
  t.equal(lines.size, 200)
  t.equal((await tool(t, 'search_content', { path, q: 'needle', max_results: 200 })).next, undefined, 'that was all')
})

t.test('a cut answer of a watcher loses no change: its cursor stands before what was left out', async (t) => {
  const path = t.testdir({})
  const { id, cursor } = await tool(t, 'watcher_create', { path })
  const names = Array.from({ length: 400 }, (_, i) => `a rather long name of a file that is made, number ${i}.txt`)
  for (const name of names) writeFileSync(join(path, name), '')
  const seen = new Set<string>()
  const query = '?max_result_bytes=16384&toolsets=default,watch'
  let calls = 0
  let args: object = { id, since: cursor, wait_seconds: 5 }
  while (seen.size < 400 && calls++ < 300) {
    const part = await tool(t, 'watcher_get', args, query)
    for (const change of part.changes) seen.add(change.path)
    t.equal(part.next?.arguments.since, part.more === true ? part.cursor : undefined)
    t.equal(part.left_out, undefined)
    t.equal(part.count, part.changes.length)
    args = part.next?.arguments ?? { id, since: part.cursor, wait_seconds: 5 }
  }
  t.equal(seen.size, 400)
  t.ok(calls > 2)
  await tool(t, 'watcher_delete', { id })
})
