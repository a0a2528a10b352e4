// Which hosts and pages are let in (protocol.md#origins; H-08, H-09).

import t from 'tap'
import { corsHeaders, originAllowed, refuseHost } from '../../src/transports/origin.ts'

const loopback = { origins: [], allowedHosts: [], bound: '127.0.0.1', port: 4000 }

t.test('H-09 hosts on a loopback address', async (t) => {
  for (const host of ['localhost', 'localhost:4000', '127.0.0.1:1', '[::1]:4000', '10.0.0.5:9990', 'LOCALHOST']) {
    t.equal(refuseHost([host], loopback), null, host)
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    'localhost:99999',
    'a b',
    '',
    '127.0.0.1@evil',
  ]) {
    t.type(refuseHost([host], loopback), 'string', host)
  }
  t.type(refuseHost([], loopback), 'string', 'none')
  t.type(refuseHost(['localhost', 'localhost'], loopback), 'string', 'two')
  t.equal(refuseHost(['ws.example'], { ...loopback, allowedHosts: ['WS.example'] }), null)
})

t.test('H-09 hosts on another address: only a list restricts', async (t) => {
  const open = { ...loopback, bound: '0.0.0.0' }
  t.equal(refuseHost(['anything.example'], open), null)
  t.type(refuseHost(['anything.example'], { ...open, allowedHosts: ['ws.example'] }), 'string')
  t.equal(refuseHost(['ws.example:443'], { ...open, allowedHosts: ['ws.example'] }), null)
})

t.test('H-08 origins', async (t) => {
  for (const origin of ['http://localhost:4000', 'http://127.0.0.1:4000', 'http://[::1]:4000']) {
    t.ok(originAllowed(origin, loopback), origin)
  }
  for (const origin of ['null', 'https://evil.example', 'http://localhost:4001', 'https://localhost:4000']) {
    t.notOk(originAllowed(origin, loopback), origin)
  }
  t.ok(originAllowed('https://app.example', { ...loopback, origins: ['https://app.example'] }))
  t.ok(originAllowed('null', { ...loopback, origins: ['*'] }))
})

t.test('a page sees only what the headers allow', async (t) => {
  t.match(corsHeaders('https://a.example', false), {
    'access-control-allow-origin': 'https://a.example',
    vary: 'Origin',
  })
  t.match(corsHeaders('https://a.example', true), { 'access-control-allow-methods': /DELETE/ })
})
