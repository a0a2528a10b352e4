// npm oblien's Runtime against the running daemon: every call, success and failure of each.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Runtime } from 'oblien/runtime'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

let daemon: Daemon
let rt: Runtime
let root: string

t.before(async () => {
  daemon = await startDaemon(t)
  rt = new Runtime({ token: TOKEN, baseUrl: daemon.url })
  root = join(daemon.directory, 'tree')
  mkdirSync(join(root, 'src/deep'), { recursive: true })
  writeFileSync(join(root, 'src/main.js'), 'const needle = 1\nconst other = 2\nexport { needle }\n')
  writeFileSync(join(root, 'src/deep/ä.txt'), 'α needle\n')
  writeFileSync(join(root, 'README.md'), '# needle\n')
  writeFileSync(join(root, '.gitignore'), 'ignored.txt\n')
  writeFileSync(join(root, 'ignored.txt'), 'needle\n')
  symlinkSync('src/main.js', join(root, 'link'))
})

/** The SDK's error for a refused call: its class name, status and code. */
async function refusal(
  t: Test,
  promise: Promise<unknown>,
): Promise<{ name: string; status: unknown; code: unknown; message: string }> {
  try {
    await promise
  } catch (error) {
    const { name, message, status, code } = error as Error & { status?: unknown; code?: unknown }
    return { name, status, code, message }
  }
  t.fail('the call was not refused')
  return { name: '', status: 0, code: '', message: '' }
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

const text = (events: readonly { event: string; data?: string }[], stream: string): string =>
  Buffer.concat(
    events.flatMap((one) => (one.event === stream ? [Buffer.from(one.data ?? '', 'base64')] : [])),
  ).toString()

t.test('health, info, targets', async (t) => {
  t.equal(await rt.health(), true)
  t.match(await rt.info(), { os: 'linux', arch: String, cpus: Number, home: /^\//, shell: /^\//, protocol_version: 1 })
  const { capabilities = [] } = (await rt.info()) as { readonly capabilities?: readonly string[] }
  const documented = /`capabilities`: names of(.*?)\./s.exec(readFileSync('docs/protocol.md', 'utf8'))?.[1] ?? ''
  t.same(
    capabilities,
    [...documented.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    'what is served is what the protocol lists',
  )
  t.match(await rt.targets(), {
    version: 1,
    default_target: 'local',
    aliases: { default: 'local' },
    targets: [{ id: 'local', local: true, available: true, runtime: { os: 'linux' } }],
  })
  t.match(await rt.forTarget('local').info(), { os: 'linux' })
  t.match(await refusal(t, rt.forTarget('elsewhere').info()), { status: 404, code: 'not_found', name: 'NotFoundError' })
  const stranger = new Runtime({ token: 'x'.repeat(40), baseUrl: daemon.url })
  t.match(await refusal(t, stranger.info()), { status: 401, code: 'unauthorized', name: 'AuthenticationError' })
  t.equal(await new Runtime({ token: TOKEN, baseUrl: 'http://127.0.0.1:1' }).health(), false)
})

t.test('files.list', async (t) => {
  const flat = await rt.files.list({ dirPath: root })
  t.match(flat, { success: true, path: root, count: 4 })
  t.strictSame(
    flat.entries.map((one) => one.name).sort(),
    ['.gitignore', 'README.md', 'link', 'src'],
    'the ignored file is left out',
  ) // eslint-disable-line
  const nested = await rt.files.list({
    dirPath: root,
    nested: true,
    flatten: true,
    includeContent: true,
    includeHash: true,
    includeExtensions: true,
  })
  const readme = nested.entries.find((one) => one.name === 'README.md')
  t.match(readme, {
    type: 'file',
    size: 9,
    content: '# needle\n',
    extension: '.md',
    hash: /^[0-9a-f]{64}$/,
    path: join(root, 'README.md'),
  })
  t.ok(nested.entries.some((one) => one.path === join(root, 'src/deep/ä.txt')))
  const tree = await rt.files.list({ dirPath: root, nested: true })
  t.ok(tree.entries.find((one) => one.name === 'src')?.children?.some((one) => one.name === 'deep'))
  const everything = await rt.files.list({ dirPath: root, useGitignore: false, light: true })
  t.strictSame(
    everything.entries.find((one) => one.name === 'ignored.txt'),
    { name: 'ignored.txt', path: join(root, 'ignored.txt'), type: 'file' },
  )
  t.match(await refusal(t, rt.files.list({ dirPath: join(root, 'nowhere') })), { status: 404, code: 'not_found' })
  t.match(await refusal(t, rt.files.list({ dirPath: join(root, 'README.md') })), { status: 400, code: 'bad_request' })
})

t.test('files.stream', async (t) => {
  const entries = await all(rt.files.stream({ dirPath: root }))
  t.strictSame(entries.map((one) => one.path.slice(root.length + 1)).sort(), [
    '.gitignore',
    'README.md',
    'link',
    'src',
    'src/deep',
    'src/deep/ä.txt',
    'src/main.js',
  ])
  t.match(await refusal(t, all(rt.files.stream({ dirPath: join(root, 'nowhere') }))), { status: 404 })
})

t.test('files.read', async (t) => {
  const filePath = join(root, 'src/main.js')
  t.match(await rt.files.read({ filePath }), {
    success: true,
    path: filePath,
    content: readFileSync(filePath, 'utf8'),
    size: 51,
    lines: 3,
    extension: '.js',
  })
  t.match(await rt.files.read({ filePath, startLine: 2, endLine: 2 }), {
    content: 'const other = 2\n',
    lines: 1,
    start_line: 2,
    end_line: 2,
  })
  t.match(await rt.files.read({ filePath, startLine: 2, withLineNumbers: true }), {
    content: '2\tconst other = 2\n3\texport { needle }\n',
  })
  t.match(await refusal(t, rt.files.read({ filePath: join(root, 'nowhere') })), {
    status: 404,
    code: 'not_found',
    name: 'NotFoundError',
  })
  t.match(await refusal(t, rt.files.read({ filePath: root })), { status: 400 })
})

t.test('files.write, mkdir, stat, delete', async (t) => {
  const fullPath = join(root, 'new/dir/file.txt')
  t.match(await refusal(t, rt.files.write({ fullPath, content: 'x' })), { status: 404 })
  t.match(await rt.files.write({ fullPath, content: 'über α\n', createDirs: true }), {
    success: true,
    path: fullPath,
    size: 9,
  })
  t.equal(readFileSync(fullPath, 'utf8'), 'über α\n')
  t.match(await rt.files.write({ fullPath, content: 'more', append: true, mode: '0600' }), { size: 13 })
  t.match(await rt.files.stat({ path: fullPath }), {
    success: true,
    name: 'file.txt',
    type: 'file',
    size: 13,
    permissions: '0600',
    is_code: false,
    extension: '.txt',
  })
  t.match(await rt.files.stat({ path: join(root, 'link') }), { type: 'symlink', symlink_target: 'src/main.js' })
  t.match(await refusal(t, rt.files.stat({ path: join(root, 'nowhere') })), { status: 404 })
  t.match(await refusal(t, rt.files.write({ fullPath: root, content: 'x' })), { status: 400 })
  t.match(await rt.files.mkdir({ path: join(root, 'a/b/c') }), { success: true, path: join(root, 'a/b/c') })
  t.match(await refusal(t, rt.files.mkdir({ path: '~/relative' })), { status: 400, message: /path is "~\/relative"/ })
  t.match(await rt.files.delete({ path: join(root, 'new') }), { success: true, path: join(root, 'new') })
  t.match(await refusal(t, rt.files.delete({ path: join(root, 'new') })), { status: 404 })
  t.match(await refusal(t, rt.files.delete({ path: '/usr' })), { status: 403, code: 'forbidden' })
})

t.test('search', async (t) => {
  const found = await rt.search.content({ query: 'needle', path: root })
  t.match(found, { success: true, query: 'needle', path: root, total_matches: 4, total_files: 3, capped: false })
  t.strictSame(Object.keys(found.results).sort(), ['README.md', 'src/deep/ä.txt', 'src/main.js'])
  t.match(found.results['src/deep/ä.txt'], [{ line: 1, column: 3, text: 'α needle' }])
  const capped = await rt.search.content({ query: 'NEED.E', path: root, regex: true, maxResults: 1, fileTypes: 'js' })
  t.match(capped, { total_matches: 1, capped: true })
  t.match(await refusal(t, rt.search.content({ query: '(', path: root, regex: true })), { status: 400 })
  t.match(await refusal(t, rt.search.content({ query: 'x', path: join(root, 'nowhere') })), { status: 404 })
  t.match(await rt.search.files({ query: 'MAIN', path: root }), {
    success: true,
    files: ['src/main.js'],
    total_files: 1,
  })
  t.match(await refusal(t, rt.search.files({ query: '', path: root })), { status: 400 })
  t.match(await rt.search.status(), { success: true, installed: true, version: /^ripgrep \d+\.\d+\.\d+$/, path: /^\// })
  t.match(await rt.search.init(), { success: true, version: /^ripgrep /, path: /^\// })
})

t.test('exec.run, list, get', async (t) => {
  const run = await rt.exec.run(['sh', '-c', 'echo out; echo err >&2; exit 3'], { execMode: 'direct', keepLogs: true })
  t.match(run, {
    id: /^\d+$/,
    command: ['sh', '-c', 'echo out; echo err >&2; exit 3'],
    status: 'exited',
    exit_code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  })
  t.match(
    await rt.exec.run(['echo α | tr α β']),
    { stdout: 'β\n' },
    'one element with shell characters goes to a shell',
  )
  t.match(await rt.exec.get(run.id), { id: run.id, stdout: 'out\n', exit_code: 3 })
  const listed = (await rt.exec.list()).find((one) => one.id === run.id)
  t.match(listed, { id: run.id, status: 'exited' })
  t.notOk('stdout' in (listed ?? {}), 'no output in the list')
  t.match(await refusal(t, rt.exec.run(['/nowhere/program'])), { status: 404, code: 'command_not_found' })
  t.match(await refusal(t, rt.exec.run([])), { status: 400 })
  t.match(await refusal(t, rt.exec.get('999999')), { status: 404 })
})

t.test('exec.stream, subscribe', async (t) => {
  const events = await all(rt.exec.stream(['sh', '-c', 'printf a; printf b >&2; exit 5']))
  t.equal(events[0]?.event, 'task_id')
  t.match(events.at(-1), { event: 'exit', exit_code: 5, pid: Number })
  t.equal(text(events as never, 'stdout'), 'a')
  t.equal(text(events as never, 'stderr'), 'b')
  const id = String((events[0] as unknown as { task_id: string }).task_id)
  t.match(await all(rt.exec.subscribe(id)), [
    { event: 'output', stdout: 'a', stderr: 'b' },
    { event: 'exit', exit_code: 5 },
  ])
  t.match(await refusal(t, all(rt.exec.subscribe('999999'))), { status: 404 })
  t.match(
    await refusal(t, all(rt.exec.stream(['/nowhere/program']))),
    { status: 404 },
    'a failed start is told before the stream',
  )
})

t.test('exec.input, kill, deleteAll', async (t) => {
  const stream = rt.exec.stream(['sh', '-c', 'read line; echo "got $line"; exec sleep 60'])
  const first = await stream.next()
  const id = String((first.value as unknown as { task_id: string }).task_id)
  t.match(await rt.exec.input(id, 'hello\n'), { success: true, bytes_written: 6 })
  const second = await stream.next()
  t.equal(Buffer.from((second.value as unknown as { data: string }).data, 'base64').toString(), 'got hello\n')
  t.match(await rt.exec.kill(id), { success: true })
  t.match((await all(stream)).at(-1), { event: 'exit', exit_code: 143 })
  t.match(await refusal(t, rt.exec.input(id, 'x')), { status: 404 }, 'a deleted task is forgotten')
  t.match(await refusal(t, rt.exec.kill(id)), { status: 404 })
  const done = await rt.exec.run(['true'])
  t.match(await refusal(t, rt.exec.input(done.id, 'x')), { status: 409, name: 'ConflictError' })
  t.match(await rt.exec.deleteAll(), { success: true, deleted: Number })
  t.strictSame(await rt.exec.list(), [])
})
