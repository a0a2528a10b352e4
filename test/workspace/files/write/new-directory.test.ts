// Making directories (protocol.md#files-change, F-13).

import { lstatSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makeDirectories } from '../../../../src/workspace/files/write/new-directory.ts'

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

t.test('parents, permissions, what exists', async (t) => {
  const dir = t.testdir({ file: 'x' })
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  t.same(await makeDirectories(join(dir, 'a/b/c'), 0o700), [join(dir, 'a'), join(dir, 'a/b'), join(dir, 'a/b/c')])
  t.same([modeOf(join(dir, 'a')), modeOf(join(dir, 'a/b/c'))], ['755', '700'])
  t.same(await makeDirectories(join(dir, 'a/b/c'), 0o777), [])
  t.equal(modeOf(join(dir, 'a/b/c')), '700', 'an existing one is left as it is')
  t.same(await makeDirectories('/'), [])
  symlinkSync('a', join(dir, 'link'))
  t.same(await makeDirectories(join(dir, 'link')), [])
  t.ok(lstatSync(join(dir, 'link')).isSymbolicLink())
  symlinkSync('nowhere', join(dir, 'dangling'))
  await t.rejects(makeDirectories(join(dir, 'dangling')), { code: 'conflict', message: /not a directory/ })
  await t.rejects(makeDirectories(join(dir, 'dangling/below')), { code: 'conflict' })
  await t.rejects(makeDirectories(join(dir, 'file')), { code: 'conflict', message: /exists already/ })
  await t.rejects(makeDirectories(join(dir, 'file/below')), { code: 'bad_request' })
  await t.rejects(makeDirectories(join(dir, 'x'.repeat(256))), { code: 'bad_request' })
})

t.test('F-13 a hundred at once make one chain', async (t) => {
  const dir = t.testdir({})
  const deep = join(dir, 'a/b/c/d/e/f/g/h/i/j/'.repeat(5), 'end')
  const made = await Promise.all(Array.from({ length: 100 }, () => makeDirectories(deep)))
  t.equal(made.flat().length, 51, 'each is made once')
  t.ok(statSync(deep).isDirectory())
})

t.test('others who remove the parents meanwhile', async (t) => {
  const dir = t.testdir({})
  const outcomes = Array.from({ length: 50 }, async () => {
    const made = makeDirectories(join(dir, 'a/b/c/d'))
    await rm(join(dir, 'a'), { recursive: true, force: true }).catch(() => {})
    return await made
  })
  await t.resolves(Promise.all(outcomes))
  rmSync(join(dir, 'a'), { recursive: true, force: true })
})
