// More changes than the watcher can carry: the kernel's queue overflows, the main loop is blocked, a listener takes
// nothing. The overflow is announced, memory stays bounded, and the account ends equal to the disk.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Account, scratch, watch, watchersOf, write, writeBlocking } from '../../support/account.ts'
import { NO_SYSCTL, withShortQueue } from '../../support/short-queue.ts'

/** Creates a watcher and its account. `queue` wraps the creation of the watcher. */
async function account(t: Test, root: string, queue: typeof withShortQueue = (work) => work()): Promise<Account> {
  const watchers = watchersOf(t)
  return new Account(t, watchers, await queue(() => watch(watchers, root)))
}

/** Checks that an overflow was announced and that a `ready` ends its differences. */
function announced(t: Test, { frames, overflows }: Account): void {
  t.ok(overflows.length > 0, 'overflow is announced')
  t.match(
    frames.findLast(({ type }) => type !== 'change'),
    { type: 'ready', resync: true },
  )
}

t.test('W-02 the loop is blocked while 200,000 events happen', async (t) => {
  const root = scratch(t)
  const told = await account(t, root)
  writeBlocking('churn', root, 50_000) // create, open for writing, write, remove: four events each
  await told.settled()
  announced(t, told)
  t.equal(told.paths.size, 100)
})

t.test(
  'W-02 the queue of the kernel holds 64 events: overflow, then the differences',
  { skip: NO_SYSCTL },
  async (t) => {
    const root = scratch(t)
    writeFileSync(join(root, 'before'), '')
    const told = await account(t, root, withShortQueue)
    await write('create', root, 10_000)
    await write('rename', root, 10_000)
    await told.settled()
    t.equal(told.paths.size, 10_001)
    announced(t, told)
  },
)

for (const seed of [11, 12]) {
  const name = `W-02 random changes on a queue of 64, seed ${seed}: contents, replaced directories, removals`
  t.test(name, { skip: NO_SYSCTL }, async (t) => {
    const root = scratch(t)
    const tree = join(root, 'tree')
    for (const path of [tree, join(root, 'outside')]) mkdirSync(path, { recursive: true })
    await write('random', root, 1500, seed)
    const told = await account(t, tree, withShortQueue)
    await write('random', root, 2000, seed + 100)
    await told.settled()
    t.pass(`${told.overflows.length} overflows`)
  })
}
