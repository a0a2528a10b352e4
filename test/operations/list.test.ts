// Listing as an operation: what the routes and the tool hand on, and what comes back (protocol.md#files).

import { join } from 'node:path'
import t from 'tap'
import { Value } from 'typebox/value'
import { readInput } from '../../src/intake/intake.ts'
import { JsonText } from '../../src/base/json-text.ts'
import { EventStream, type Call, type Operation } from '../../src/operation.ts'
import { fileList, fileStream } from '../../src/operations/list.ts'
import { searchFiles } from '../../src/operations/search.ts'
import { openWalkers } from '../../src/workspace/listing/walkers.ts'
import type { Workspace } from '../../src/workspace/workspace.ts'
import { EVERYTHING } from '../../src/workspace/files/opening/access.ts'

const walkers = openWalkers({ home: { home: undefined, configHome: undefined } })
t.teardown(() => walkers[Symbol.asyncDispose]())
// Listings use nothing else of the workspace.
const call: Call = {
  workspace: { walkers } as unknown as Workspace,
  access: EVERYTHING,
  signal: new AbortController().signal,
}

/** Runs an operation as a route does and returns its reply with rendered parts read back. */
async function run(op: Operation, raw: Record<string, unknown>): Promise<Record<string, unknown>> {
  const fixed = op.routes[0]?.fixed
  const { input } = readInput(op, raw, { unknown: 'report', ...(fixed && { fixed }) })
  const value: Record<string, unknown> = {}
  Object.assign(value, await op.run(input, call))
  for (const [key, part] of Object.entries(value)) {
    if (part instanceof JsonText) value[key] = JSON.parse(Buffer.concat(part.chunks).toString())
  }
  return value
}

t.test('replies fit their schemas', async (t) => {
  const path = t.testdir({ a: { 'b.ts': 'x', 'c.bin': Buffer.from([0]) }, link: t.fixture('symlink', 'a') })
  for (const nested of ['true', 'false']) {
    const options = { path, nested, include_content: 'true', include_hash: '1', include_extensions: 'true' }
    const reply = await run(fileList, options)
    t.ok(Value.Check(fileList.output, reply), [...Value.Errors(fileList.output, reply)].map((e) => e.message).join())
  }
  const found = await run(searchFiles, { path, query: 'b' })
  t.ok(Value.Check(searchFiles.output, found))
  t.strictSame(found, { query: 'b', path, files: ['a/b.ts', 'a/c.bin'], total_files: 2 })
})

t.test('max_entries stops a listing, which says so', async (t) => {
  const path = t.testdir({ a: '', b: '', c: { d: '', e: '' } })
  const some = await run(fileList, { path, nested: true, flatten: true, max_entries: 2 })
  t.match(some, { count: 2, truncated: true })
  t.equal((some.entries as unknown[]).length, 2)
  t.notOk('truncated' in (await run(fileList, { path, nested: true, max_entries: 5 })))
})

t.test('lists in any spelling, both names of the ignore switch', async (t) => {
  const path = t.testdir({ '.gitignore': '*.log', 'a.log': '', 'b.ts': '', 'c.js': '', 'd.go': '' })
  const names = async (raw: Record<string, unknown>) =>
    ((await run(fileList, { path, ...raw })).entries as { name: string }[]).map(({ name }) => name)
  for (const include_ext of ['ts,.js', ['ts', 'js'], ['.ts', 'js']]) {
    t.strictSame(await names({ include_ext }), ['b.ts', 'c.js'])
  }
  t.strictSame(await names({ ignore_patterns: '*.{ts,js},.git*' }), ['d.go'])
  for (const raw of [
    { use_gitignore: 'false' },
    { no_gitignore: 'true' },
    { use_gitignore: true, no_gitignore: '1' },
  ]) {
    t.ok((await names(raw)).includes('a.log'))
  }
  await t.rejects(run(searchFiles, { path, q: '' }), { code: 'bad_request' })
  await t.rejects(run(searchFiles, { path, q: 'x'.repeat(1001) }), { code: 'bad_request' })
  await t.rejects(run(fileList, { path: '' }), { code: 'bad_request' })
})

t.test('the stream is nested and flat whatever is asked', async (t) => {
  const path = t.testdir({ a: { b: { c: '' } } })
  const { input } = readInput(
    fileStream,
    { path, nested: 'false', light: 'true' },
    {
      unknown: 'report',
      fixed: fileStream.routes[0]?.fixed ?? {},
    },
  )
  const stream = await fileStream.run(input, call)
  t.ok(stream instanceof EventStream && stream.format === 'ndjson')
  const lines: string[] = []
  if (stream instanceof EventStream) {
    for await (const frame of stream.frames) if ('rendered' in frame) lines.push(Buffer.from(frame.rendered).toString())
  }
  const paths = lines
    .join('')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { path: string }).path)
  t.strictSame(paths, [join(path, 'a'), join(path, 'a/b'), join(path, 'a/b/c')])
})

t.test('tool descriptions are short enough for a model', (t) => {
  for (const op of [fileList, searchFiles]) t.ok((op.tool?.description.length ?? 0) < 600, op.name)
  t.end()
})
