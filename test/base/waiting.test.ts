// Waits that an event, a signal or the time ends: however one ends, it leaves no listener, no timer and no place in
// the line behind.

import { getEventListeners } from 'node:events'
import t from 'tap'
import { Waiters, waitFor, type End } from '../../src/base/waiting.ts'

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

/** Something to wait for; counts who is still in the line. */
function openLine() {
  const line = new Set<End<string>>()
  const begin = (end: End<string>) => {
    line.add(end)
    return () => void line.delete(end)
  }
  return { line, begin }
}

t.test('the event, the signal or the time: whichever comes first, and all is taken back in that moment', async (t) => {
  const { line, begin } = openLine()
  const caller = new AbortController()
  const event = waitFor(begin, caller.signal, 60_000)
  t.equal(listeners(caller.signal), 1)
  for (const end of line) end('it happened')
  t.same([listeners(caller.signal), line.size], [0, 0], 'before the waiter has heard')
  t.equal(await event, 'it happened')

  t.equal(await waitFor(begin, caller.signal, 1), 'late')
  t.same([listeners(caller.signal), line.size], [0, 0])

  const given = waitFor(begin, caller.signal, 60_000)
  caller.abort()
  t.same([listeners(caller.signal), line.size], [0, 0])
  t.equal(await given, 'aborted')
  const unwanted = () => {
    t.fail('it is not begun')
    return () => undefined
  }
  t.equal(await waitFor(unwanted, caller.signal), 'aborted')
})

t.test('an event that comes while the wait begins counts', async (t) => {
  let takenBack = 0
  const { signal } = new AbortController()
  const at = (end: End<string>) => {
    end('at once')
    end('a second time')
    return () => void takenBack++
  }
  t.equal(await waitFor(at, signal), 'at once')
  t.same([takenBack, listeners(signal)], [1, 0])
})

t.test('a wait that is woken 10,000 times leaves no listener', async (t) => {
  const caller = new AbortController()
  const waiters = new Waiters()
  let asked = 0
  const waiting = waiters.until(() => ++asked > 10_000, caller.signal)
  for (let most = 0; asked <= 10_000; await Promise.resolve()) {
    waiters.wake()
    most = Math.max(most, listeners(caller.signal))
    if (most > 1) return t.fail(`${most} listeners`)
  }
  await waiting
  t.equal(listeners(caller.signal), 0)
})

t.test('each of many who wait is woken, and the signal ends only its own', async (t) => {
  const one = new AbortController()
  const other = new AbortController()
  const waiters = new Waiters()
  let told = ''
  const first = waiters.until(() => false, one.signal).then(() => (told += 'first '))
  const second = waiters.next(other.signal).then(() => (told += 'second '))
  one.abort()
  await first
  t.equal(told, 'first ')
  waiters.wake()
  await second
  t.equal(told, 'first second ')
  t.same([listeners(one.signal), listeners(other.signal)], [0, 0])
})
