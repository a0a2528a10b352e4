// A directory with its parents: what is there stays, what cannot be made is an error at once.

import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeWithParents } from '../../src/base/make-directories.ts'

t.test('missing parents are made, existing ones left', async (t) => {
  const root = t.testdir()
  t.equal(makeWithParents(join(root, 'a/b/c'), 0o700), join(root, 'a'))
  t.equal(statSync(join(root, 'a/b/c')).mode & 0o777, 0o700)
  t.equal(makeWithParents(join(root, 'a/b/c'), 0o755), undefined)
  t.equal(makeWithParents(root, 0o755), undefined)
  writeFileSync(join(root, 'file'), '')
  t.throws(() => makeWithParents(join(root, 'file'), 0o755), { code: 'EEXIST' })
  t.throws(() => makeWithParents(join(root, 'file/x'), 0o755), { code: 'ENOTDIR' })
})

t.test('a file system that takes no directories ends the attempt', async (t) => {
  t.throws(() => makeWithParents('/proc/nowhere/x', 0o755), { code: 'ENOENT' })
  t.throws(() => makeWithParents('/proc/nowhere', 0o755), { code: 'ENOENT' })
})
