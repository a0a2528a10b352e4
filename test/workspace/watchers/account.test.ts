// Compares the watcher's account with the disk while another process writes: random changes, floods, deep trees that
// appear at once, moves of large directories.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Account, scratch, watch, watchersOf, write } from '../../support/account.ts'
import { until } from '../../support/until.ts'

for (const seed of [1, 2, 3, 4, 5]) {
  t.test(`random changes, seed ${seed}: the account equals the disk`, async (t) => {
    const root = scratch(t)
    for (const name of ['tree', 'outside']) mkdirSync(join(root, name))
    const watchers = watchersOf(t)
    const account = new Account(t, watchers, await watch(watchers, join(root, 'tree')))
    await write('random', root, 1500, seed)
    await account.settled()
    t.equal(account.overflows.length, 0, 'nothing was lost')
    t.ok(account.changes.length > 100, `${account.changes.length} changes were told`)
  })
}

t.test('W-01 10,000 files are created, then renamed, then removed: each is told', async (t) => {
  const root = scratch(t)
  const watchers = watchersOf(t)
  const account = new Account(t, watchers, await watch(watchers, root))
  const told = (op: string) => new Set(account.changes.filter((one) => one.op === op).map(({ path }) => path)).size
  await write('create', root, 10_000)
  await account.settled()
  if (account.overflows.length === 0) t.equal(account.paths.size, 10_000)
  await write('rename', root, 10_000)
  await account.settled()
  if (account.overflows.length === 0) t.equal(told('rename'), 10_000)
  execFileSync('find', [root, '-name', 'moved-*', '-delete'])
  await account.settled()
  t.equal(account.paths.size, 0)
  if (account.overflows.length === 0) t.equal(told('remove'), 10_000)
})

t.test('W-03 1,000 times ten directories at once with a file in each: all are told', async (t) => {
  const root = scratch(t)
  const watchers = watchersOf(t)
  const account = new Account(t, watchers, await watch(watchers, root))
  await write('deep', root, 1000)
  await account.settled()
  t.equal(account.paths.size, 20_000)
  // If the machine was too slow for its queue, the reader is still watching the tree again.
  await until('all are watched', () => watchers.list()[0]?.coverage.dirs === 10_001)
})

t.test('W-04 a directory of 1,000 files is moved inside, out and in, removed and made again', async (t) => {
  const root = scratch(t)
  const tree = join(root, 'tree')
  for (const name of ['many', 'other']) mkdirSync(join(tree, name), { recursive: true })
  for (let i = 0; i < 1000; i++) writeFileSync(join(tree, `many/${i}`), '')
  const watchers = watchersOf(t)
  const account = new Account(t, watchers, await watch(watchers, tree))
  const steps = [
    ['mv', join(tree, 'many'), join(tree, 'other/moved')],
    ['mv', join(tree, 'other/moved'), join(root, 'out')],
    ['mv', join(root, 'out'), join(tree, 'in')],
    ['rm', '-r', join(tree, 'in')],
  ] as const
  for (const [command, ...args] of steps) {
    execFileSync(command, args)
    await account.settled()
  }
  mkdirSync(join(tree, 'in'))
  await account.change(join(tree, 'in'), 'create')
  writeFileSync(join(tree, 'in/later'), 'still watched')
  await account.settled()
  t.same(account.overflows, [])
  const inside = account.changes.find(({ op, path }) => op === 'rename' && path.endsWith('/many'))
  t.equal(inside?.to, join(tree, 'other/moved'))
})
