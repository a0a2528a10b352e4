// docs/guarantees.md against the tests: a row for each id that a test's name begins with, a test for each row.

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { rowsOf } from '../../scripts/tap-results.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Of these ids a test makes examples. */
const EXAMPLES = 'test/scripts/tap-results.test.ts'

function testFiles(): readonly string[] {
  return readdirSync(join(ROOT, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts') && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => path !== EXAMPLES)
}

/** The ids that names of tests in `source` begin with, also where the name is made of parts. */
function idsIn(source: string): ReadonlySet<string> {
  return new Set([...source.matchAll(/['"`]([A-Z]{1,2}-\d{2}[^'"`]*)/g)].flatMap(([, name = '']) => rowsOf(name)))
}

const rows = [
  ...readFileSync(join(ROOT, 'docs/guarantees.md'), 'utf8').matchAll(/^\| ([A-Z]-\d{2}) +\| (.*?) +\| (.*?) +\|$/gm),
]
const named = new Map(testFiles().map((path) => [path, idsIn(readFileSync(join(ROOT, path), 'utf8'))]))

t.test('every id that a test is named by has a row', async (t) => {
  const listed = new Set(rows.map(([, id]) => id))
  for (const [path, ids] of named) {
    for (const id of ids) if (!listed.has(id)) t.fail(`${path} names ${id}, which docs/guarantees.md has not`)
  }
  t.equal(listed.size, rows.length, 'no id twice')
  t.ok(rows.length > 100)
})

t.test('every row names tests that name it', async (t) => {
  for (const [, id = '', promise = '', tests = ''] of rows) {
    const paths = [...tests.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path)
    t.not(promise, '')
    t.ok(paths.length > 0, `${id} has a test`)
    for (const path of paths) t.ok(named.get(path)?.has(id), `${path} has a test named ${id}`)
  }
})
