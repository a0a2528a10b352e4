// Watches single paths: files that exist or not yet, directories, and paths that cannot be watched.

import { mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openPathWatches } from '../../../src/workspace/watchers/path-watches.ts'
import { openWatchers } from '../../../src/workspace/watchers/watchers.ts'
import { until } from '../../support/until.ts'

const NEVER = new AbortController().signal

t.test('a change of a watched path is told, and no other', async (t) => {
  const root = t.testdir({ a: '1', other: '1', sub: { deep: '1' } })
  await using watches = openPathWatches()
  const told: string[] = []
  const [file, late, folder] = [join(root, 'a'), join(root, 'late'), join(root, 'sub')]
  const missing = join(root, 'no', 'such')
  {
    using watch = await watches.watch([file, late, folder, missing], (path) => told.push(path), NEVER)
    t.same(watch.paths, [file, late, folder])
    const heard = async (path: string, change: () => void) => {
      told.length = 0
      change()
      await until(`${path} is told`, () => told.includes(path))
      t.same([...new Set(told)], [path])
    }
    writeFileSync(join(root, 'other'), '2')
    await heard(file, () => writeFileSync(file, '2'))
    await heard(late, () => writeFileSync(late, '1'))
    await heard(folder, () => writeFileSync(join(folder, 'new'), '1'))
    await heard(folder, () => mkdirSync(join(folder, 'directory')))
    await heard(folder, () => renameSync(join(folder, 'directory'), join(folder, 'renamed')))
    await heard(folder, () => rmdirSync(join(folder, 'renamed')))
    await heard(file, () => {
      writeFileSync(join(root, 'tmp~'), '3')
      renameSync(join(root, 'tmp~'), file)
    })
    await heard(file, () => rmSync(file))
  }
  told.length = 0
  writeFileSync(late, '2')
  using again = await watches.watch([late], (path) => told.push(`again ${path}`), NEVER)
  writeFileSync(late, '3')
  await until('the second watch tells', () => told.length > 0)
  t.same([...new Set(told)], [`again ${late}`])
  t.same(again.paths, [late])
})

t.test('two listeners share a directory, and it is watched until the last has gone', async (t) => {
  const root = t.testdir({ a: '1', b: '1' })
  const watchers = openWatchers({ limit: 1 })
  await using watches = openPathWatches(watchers)
  const told: string[] = []
  const first = await watches.watch([join(root, 'a')], () => told.push('first'), NEVER)
  const second = await watches.watch([join(root, 'a'), join(root, 'b')], () => told.push('second'), NEVER)
  t.equal(watchers.list().length, 1)
  mkdirSync(join(root, 'sub'))
  const third = await watches.watch([join(root, 'sub', 'c')], () => told.push('third'), NEVER)
  t.same(third.paths, [], 'no place for a second directory')
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  writeFileSync(join(root, 'a'), '2')
  await until('the second hears it', () => told.length > 0)
  t.same([...new Set(told)], ['second'])
  second[Symbol.dispose]()
  await until('nothing is watched', () => watchers.list().length === 0)
})
