// The budget of failures per address, on a clock that the test moves.

import t from 'tap'
import { networkOf, openFailedAttempts } from '../../../src/transports/credentials/failed-attempts.ts'

t.test('one second of failures at once, then as many as the rate refills', async (t) => {
  let now = 0
  const attempts = openFailedAttempts(20, () => now)
  for (let n = 0; n < 20; n++) t.equal(attempts.count('a'), 0)
  t.equal(attempts.count('a'), 1, 'the 21st is told to wait a whole second')
  t.equal(attempts.count('b'), 0, 'another address is not touched')
  now = 49
  t.equal(attempts.count('a'), 1)
  now = 51
  t.equal(attempts.count('a'), 0, 'a twentieth of a second later one more is due')
  t.equal(attempts.count('a'), 1)
  now = 3_600_000
  for (let n = 0; n < 20; n++) t.equal(attempts.count('a'), 0)
  t.equal(attempts.count('a'), 1, 'the budget never grows beyond one second')
})

t.test('a low rate says how long to wait; 0 is no limit', async (t) => {
  const none = openFailedAttempts(0, () => 0)
  for (let n = 0; n < 100; n++) none.count('a')
  t.equal(none.count('a'), 0)
  const one = openFailedAttempts(1, () => 0)
  t.equal(one.count('a'), 0)
  t.equal(one.count('a'), 1)
})

t.test('memory is bounded: the address that failed first is forgotten', async (t) => {
  const attempts = openFailedAttempts(1, () => 0)
  for (let n = 0; n <= 10_000; n++) attempts.count(`address ${n}`)
  t.equal(attempts.count('address 1'), 1)
  t.equal(attempts.count('address 10000'), 1)
  t.equal(attempts.count('address 0'), 0)
})

t.test('one host shares one budget: all of an IPv6 /64, and IPv4 however it is written', async (t) => {
  const networks: readonly [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['', ''],
  ]
  for (const [address, network] of networks) t.equal(networkOf(address), network, address)
  const attempts = openFailedAttempts(1, () => 0)
  t.equal(attempts.count('2001:db8:1:2::1'), 0)
  t.equal(attempts.count('2001:db8:1:2::2'), 1)
  t.equal(attempts.count('2001:db8:1:3::1'), 0)
})
