// Which older clients a newcomer closes.

import t from 'tap'
import { HS256, jwtOf } from '../../support/jwt.ts'
import { openSocketServer } from '../../support/socket-server.ts'
import { until } from '../../support/until.ts'
import { view } from '../../support/viewer.ts'

t.test('a newcomer replaces older replace-mode clients and no others', async (t) => {
  const { url, hub, terminals } = await openSocketServer(t)
  const terminal = terminals.create(1)
  const first = await view(t, url)
  const shared = await view(t, url, '&mode=shared')
  const second = await view(t, url)
  t.match(await first.closed(), { code: 4000, reason: 'replaced' })
  t.equal(hub.size, 2)
  terminal.print('x')
  await until('both see it', () => shared.text(1) === 'x' && second.text(1) === 'x')
  t.equal(terminal.attached, 2, 'nothing is held by the client that was replaced')
})

t.test('one that comes back shares, and so do all after it, until the credential has no such socket', async (t) => {
  const { url, hub } = await openSocketServer(t)
  const first = await view(t, url)
  const second = await view(t, url)
  await first.closed()
  const back = await view(t, url)
  const third = await view(t, url)
  for (const viewer of [second, back, third]) await viewer.settled()
  t.equal(hub.size, 3)
  for (const viewer of [second, back, third]) viewer.socket.close()
  await until('all have left', () => hub.size === 0)
  const anew = await view(t, url)
  await view(t, url)
  t.match(await anew.closed(), { code: 4000 }, 'both clocks were cleared')
})

t.test('a newcomer replaces only sockets of its own credential', async (t) => {
  const { url, hub } = await openSocketServer(t, { jwt: { secret: HS256, toleranceSeconds: 60 } })
  const as = (sub: string, scope = 'watch') => ({
    token: jwtOf({ sub, scope, exp: Math.floor(Date.now() / 1000) + 600 }),
  })
  const owner = await view(t, url)
  const narrow = await view(t, url, '', as('narrow'))
  const other = await view(t, url, '', as('other'))
  for (const viewer of [owner, narrow, other]) await viewer.settled()
  t.equal(hub.size, 3)
  await view(t, url, '', as('narrow', 'watch terminal'))
  t.match(await narrow.closed(), { code: 4000 }, 'another token of the same issuer and subject')
  for (const viewer of [owner, other]) await viewer.settled()
  t.equal(hub.size, 3)
})
