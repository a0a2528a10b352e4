// A listener that takes nothing while a million events happen: memory is bounded, the overflow is announced, and the
// account ends equal to the disk.

import t from 'tap'
import { Account, scratch, watch, watchersOf, write } from '../../support/account.ts'
import { anonymousRise, MIB } from '../../support/growth.ts'

t.test(
  'W-07 a listener stalls during 1,000,000 events: memory is bounded, then overflow and the account',
  async (t) => {
    const root = scratch(t)
    const watchers = watchersOf(t)
    const told = new Account(t, watchers, await watch(watchers, root))
    await write('churn', root, 2000)
    await told.settled()
    told.paused = true
    const rise = await anonymousRise(process.pid, { small: 100_000, large: 1_000_000 }, (count) =>
      write('storm', root, count),
    )
    t.ok(rise < 32 * MIB, `memory grew by ${Math.round(rise / MIB)} MiB`)
    told.paused = false
    await told.settled()
    t.ok(told.overflows.length > 0, 'overflow is announced')
    t.match(
      told.frames.findLast(({ type }) => type !== 'change'),
      { type: 'ready', resync: true },
    )
  },
)
