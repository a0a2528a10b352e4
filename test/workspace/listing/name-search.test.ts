// Search of file names in real trees (protocol.md#search).

import { join } from 'node:path'
import t from 'tap'
import { searchNames, type NameRequest } from '../../../src/workspace/listing/name-search.ts'
import { openWalkers } from '../../../src/workspace/listing/walkers.ts'
import { parsed } from '../../support/listings.ts'

const walkers = openWalkers({ home: { home: undefined, configHome: undefined } })
t.teardown(() => walkers[Symbol.asyncDispose]())
const never = new AbortController().signal

async function search(more: Partial<NameRequest> & { path: string; q: string }) {
  const request = {
    case_sensitive: false,
    include_hidden: false,
    no_gitignore: false,
    max_results: 200,
    ignore_patterns: [],
    ...more,
  }
  const reply = await searchNames(walkers, request, never)
  return { ...reply, files: parsed(reply.files) as unknown as string[] }
}

t.test('a substring of the relative path, in any case, sorted', async (t) => {
  const path = t.testdir({
    'ReadMe.md': '',
    src: { 'app.ts': '', lib: { 'app-lib.ts': '', 'x.ts': '' } },
    'app-dir': { 'inner.txt': '' },
    link: t.fixture('symlink', 'ReadMe.md'),
  })
  t.strictSame(await search({ path, q: 'app' }), {
    query: 'app',
    path,
    files: ['app-dir/inner.txt', 'src/app.ts', 'src/lib/app-lib.ts'],
    total_files: 3,
  })
  t.strictSame((await search({ path, q: 'readme' })).files, ['ReadMe.md'])
  t.strictSame((await search({ path, q: 'readme', case_sensitive: true })).files, [])
  t.strictSame((await search({ path, q: 'lib/x' })).files, ['src/lib/x.ts'])
  t.strictSame((await search({ path, q: 'src/l' })).files, ['src/lib/app-lib.ts', 'src/lib/x.ts'])
  t.strictSame((await search({ path, q: 'link' })).files, [], 'regular files only')
  t.equal((await search({ path, q: '*' })).total_files, 5, 'a glob')
  t.strictSame((await search({ path, q: '*-lib.ts' })).files, ['src/lib/app-lib.ts'])
})

t.test('hidden, ignored and unwanted files', async (t) => {
  const path = t.testdir({
    '.gitignore': 'ignored.txt\n',
    'ignored.txt': '',
    'plain.txt': '',
    '.hidden.txt': '',
    '.dir': { 'in.txt': '' },
  })
  t.strictSame((await search({ path, q: 'txt' })).files, ['plain.txt'])
  t.strictSame((await search({ path, q: 'txt', include_hidden: true })).files, [
    '.dir/in.txt',
    '.hidden.txt',
    'plain.txt',
  ])
  t.strictSame((await search({ path, q: 'txt', no_gitignore: true })).files, ['ignored.txt', 'plain.txt'])
  t.strictSame((await search({ path, q: 'txt', use_gitignore: false })).files, ['ignored.txt', 'plain.txt'])
  t.strictSame((await search({ path, q: 'txt', ignore_patterns: ['p*'] })).files, [])
})

t.test('max_results stops the search and says so', async (t) => {
  const path = t.testdir({ a1: '', a2: '', a3: '' })
  t.match(await search({ path, q: 'a', max_results: 2 }), { total_files: 2, truncated: true })
  t.notOk('truncated' in (await search({ path, q: 'a', max_results: 3 })))
})

t.test('a file is 400, a missing path 404', async (t) => {
  const path = t.testdir({ a: '' })
  await t.rejects(search({ path: join(path, 'a'), q: 'a' }), { code: 'bad_request' })
  await t.rejects(search({ path: join(path, 'no'), q: 'a' }), { code: 'not_found' })
})
