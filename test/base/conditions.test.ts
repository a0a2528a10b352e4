// Health conditions: set and cleared by owners, looked for when the list is read, bounded in number, length and time.

import t from 'tap'
import { Conditions, type ConditionKind } from '../../src/base/conditions.ts'
import { openLog } from '../../src/base/log.ts'
import { descriptorsMessage, orphansMessage } from '../../src/workspace/conditions.ts'
import { until } from '../support/until.ts'

const kind = (id: string, severity: ConditionKind['severity'] = 'warning'): ConditionKind => ({
  id,
  severity,
  todo: 'plug it in',
})
const DISK = kind('disk_gone')
const CABLE = kind('cable_out', 'error')

function opened(): { conditions: Conditions; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const offer = (line: string): boolean => lines.push(JSON.parse(line) as Record<string, unknown>) > 0
  return { conditions: new Conditions(openLog('info', { offer, lost: 0 })), lines }
}

t.test('an owner sets, renews and clears a condition; the log tells it in the same words', async (t) => {
  const { conditions, lines } = opened()
  conditions.set(DISK, 'the disk is gone')
  conditions.set(CABLE, 'the cable is out')
  const [first] = await conditions.list()
  conditions.set(DISK, 'both disks are gone')
  t.match(await conditions.list(), [
    { id: 'disk_gone', severity: 'warning', since: first?.since, message: 'both disks are gone', todo: 'plug it in' },
    { id: 'cable_out', severity: 'error' },
  ])
  conditions.clear(DISK)
  conditions.clear(DISK)
  t.match(await conditions.list(), [{ id: 'cable_out' }])
  t.match(lines, [
    { level: 'warn', event: 'disk_gone', reason: 'the disk is gone', todo: 'plug it in' },
    { level: 'error', event: 'cable_out' },
    { event: 'disk_gone', reason: 'both disks are gone' },
    { level: 'info', event: 'condition_over', condition: 'disk_gone' },
  ])
  t.equal(lines.length, 4, 'what is not set has no end')
})

t.test('a look is taken when the list is read, and told to the log when it changes', async (t) => {
  const { conditions, lines } = opened()
  let message: string | undefined = 'the disk is gone'
  conditions.watch(DISK, () => message)
  t.equal(lines.length, 0, 'nothing is looked at before somebody asks')
  await conditions.list()
  t.match(await conditions.list(), [{ message: 'the disk is gone' }])
  t.equal(lines.length, 1)
  message = undefined
  t.same(await conditions.list(), [])
  t.match(lines.at(-1), { event: 'condition_over' })
})

t.test('a look that fails leaves the list as it was', async (t) => {
  const { conditions } = opened()
  let look = (): string => 'the disk is gone'
  conditions.watch(DISK, () => look())
  await conditions.list()
  look = () => {
    throw new Error('no memory')
  }
  t.match(await conditions.list(), [{ id: 'disk_gone' }])
})

t.test('a look that does not come back holds no reader, is not begun twice, and counts when it ends', async (t) => {
  const { conditions } = opened()
  const { promise, resolve } = Promise.withResolvers<string>()
  let looks = 0
  conditions.watch(DISK, async () => {
    looks++
    return await promise
  })
  conditions.set(CABLE, 'the cable is out')
  t.match(await Promise.all([conditions.list(), conditions.list()]), [[{ id: 'cable_out' }], [{ id: 'cable_out' }]])
  t.equal(looks, 1)
  resolve('the disk is gone')
  await until('the look has ended', async () => (await conditions.list()).length === 2)
})

t.test('messages, kinds and named things have limits', async (t) => {
  const { conditions } = opened()
  conditions.set(DISK, 'x'.repeat(10_000))
  const [{ message } = { message: '' }] = await conditions.list()
  t.equal(message.length, 500)
  t.match(message, /x…$/)
  t.throws(() => {
    for (let i = 0; i < 1000; i++) conditions.set(kind(`kind_${i}`), 'made at run time')
  }, /kinds of conditions/)
  const many = Array.from({ length: 5000 }, (_, i) => String(i))
  t.match(orphansMessage(many), /^5000 commands of an earlier life of the daemon still run: 0, .*, 9 and 4990 more$/)
  t.match(orphansMessage(['7']), /^1 command of an earlier life of the daemon still runs: 7$/)
  t.equal(orphansMessage([]), undefined)
})

t.test('descriptors are scarce from nine tenths of the limit on', async (t) => {
  t.equal(descriptorsMessage(899, 1000), undefined)
  t.equal(descriptorsMessage(900, 1000), '900 of 1000 file descriptors are open')
  t.equal(descriptorsMessage(900, Infinity), undefined)
  t.equal(descriptorsMessage(undefined, 1000), undefined)
})
