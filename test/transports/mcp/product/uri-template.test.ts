// Addresses: a template matches each way in which a client may have filled it in.

import t from 'tap'
import { uriTemplate } from '../../../../src/transports/mcp/product/uri-template.ts'

t.test('from address to value', async (t) => {
  const file = uriTemplate('file:///{path}')
  t.equal(file.variable, 'path')
  for (const [uri, value] of [
    ['file:///a/b.txt', 'a/b.txt'],
    ['file:///a%2Fb.txt', 'a/b.txt'],
    ['file:///a%20b/%C3%A4', 'a b/ä'],
    ['file:///a b', 'a b'],
    ['file:///', undefined],
    ['file://a/b', undefined],
    ['file:///%', undefined],
    ['file:///%ff', undefined],
    ['file:///a%00b', undefined],
    ['FILE:///a', undefined],
  ] as const) {
    t.equal(file.valueOf(uri), value, uri)
  }
  const output = uriTemplate('exec://{id}/stdout')
  t.equal(output.valueOf('exec://12/stdout'), '12')
  for (const uri of ['exec:///stdout', 'exec://12/stderr', 'exec://1/2/stdout', 'exec://1%2F2/stdout', 'exec://']) {
    t.equal(output.valueOf(uri), undefined, uri)
  }
  const single = uriTemplate('runtime://info')
  t.equal(single.variable, undefined)
  t.equal(single.valueOf('runtime://info'), '')
  t.equal(single.valueOf('runtime://info/'), undefined)
})

t.test('from value to address and back', async (t) => {
  for (const value of ['a', 'a/b', 'ä ö?#%', '..', 'x'.repeat(1000)]) {
    const file = uriTemplate('file:///{path}')
    t.equal(file.valueOf(file.addressOf(value)), value)
    t.match(file.addressOf(value), /^file:\/\/\/[\w./%-]+$/)
  }
  t.equal(uriTemplate('exec://{id}/stdout').addressOf('7'), 'exec://7/stdout')
})
