// The two suites of tests: what belongs to which, and what the arguments of the test runner choose.

import { join } from 'node:path'
import t from 'tap'
import { suitesFor, testFiles } from '../../scripts/suites.ts'

const FILES = ['test/a/b.test.ts', 'test/a/c.slow.test.ts', 'test/ab.test.ts', 'test/z.slow.test.ts']
const names = (...args: string[]) => suitesFor(args, FILES).map(({ name, files, jobs }) => [name, jobs, ...files])

const QUICK = ['quick', 2, 'test/a/b.test.ts', 'test/ab.test.ts']
const SLOW = ['slow', 1, 'test/a/c.slow.test.ts', 'test/z.slow.test.ts']

t.test('the name of a file says which suite it belongs to', async (t) => {
  t.same(names(), [QUICK])
  t.same(names('--slow'), [SLOW])
  t.same(names('--all'), [QUICK, SLOW])
})

t.test('files and folders are chosen from both suites', async (t) => {
  t.same(names('test/a/c.slow.test.ts'), [['slow', 1, 'test/a/c.slow.test.ts']])
  t.same(names('./test/a/', 'test/ab.test.ts'), [QUICK, ['slow', 1, 'test/a/c.slow.test.ts']])
})

t.test('an argument that names nothing is an error, not an empty run', async (t) => {
  t.throws(() => names('test/a/x.test.ts'), { message: /test\/a\/x\.test\.ts is no test file/ })
  t.throws(() => names('test/a/b'), { message: /is no test file/ })
  t.throws(() => names('--quick'), { message: /--quick is unknown/ })
})

t.test('every test file of this project is found', async (t) => {
  const found = testFiles(join(import.meta.dirname, '../..'))
  t.ok(found.includes('test/scripts/suites.test.ts'))
  t.ok(found.includes('test/scripts/build/build.slow.test.ts'))
  t.notOk(found.some((path) => path.includes('node_modules')))
})
