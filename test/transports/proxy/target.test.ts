// The port of a proxied request, and the request target that the application sees (L-01, L-06).

import t from 'tap'
import { Fault } from '../../../src/base/fault.ts'
import { parseDestination, readTarget } from '../../../src/transports/proxy/target.ts'

/** Returns the status of a refusal, or the value that was read. */
function outcome<T>(read: () => T): T | number {
  try {
    return read()
  } catch (error) {
    if (error instanceof Fault) return error.status
    throw error
  }
}

const seen = (url: string, ...headers: string[]): string | number =>
  outcome(() => {
    const { destination, path } = readTarget(url, headers)
    return `${destination.port} ${path}`
  })

t.test('L-01 ports: one to five ASCII digits without a leading zero, 1 to 65535', async (t) => {
  for (const port of ['1', '80', '3000', '65535']) t.equal(seen('/proxy/x', port), `${port} /x`)
  const wrong = [
    '',
    ' ',
    '09990',
    '+9990',
    '-1',
    ' 9990',
    '9990 ',
    '9990.0',
    '9990\n',
    '0x2706',
    '9990abc',
    '1e3',
    '٣٠٠٠',
    '３０００',
    '0',
    '00',
    '65536',
    '99999',
    '100000',
    '80@evil.example',
    '80%40evil.example',
    '80/x',
    '80#x',
    '80?x',
    '80,81',
    '3000:',
    'localhost',
    'localhost:',
    'localhost:0',
    'localhost:080',
    'localhost:80@evil.example',
    ':80',
    'user@localhost:80',
    'http://localhost:80',
    'local host:80',
    'localhost/:80',
    'lоcalhost:80', // a Cyrillic letter
  ]
  for (const text of wrong) {
    t.equal(
      outcome(() => parseDestination(text)),
      400,
      JSON.stringify(text),
    )
    if (text === '') continue
    t.equal(seen('/proxy/x', text), 400, `header ${JSON.stringify(text)}`)
    t.equal(seen(`/proxy/x?x_oblien_target=${encodeURIComponent(text)}`), 400, `query ${JSON.stringify(text)}`)
  }
  for (const text of ['09990', '+9990', '%209990', '9990.0', '0x2706', '65536', '80@evil.example', '80%40evil.example'])
    t.equal(seen(`/proxy/${text}/x`), 400, `path ${text}`)
  t.equal(seen('/proxy/localhost:3000/x'), 400, 'the path names a port only')
})

t.test('L-01 hosts: localhost, 127.0.0.0/8 and ::1, each in its one spelling; others 403', async (t) => {
  const both = ['127.0.0.1', '::1']
  t.same(parseDestination('3000'), { hosts: both, port: 3000, authority: 'localhost:3000' })
  t.same(parseDestination('localhost:3000'), { hosts: both, port: 3000, authority: 'localhost:3000' })
  t.same(parseDestination('127.0.0.1:80'), { hosts: ['127.0.0.1'], port: 80, authority: '127.0.0.1:80' })
  t.same(parseDestination('127.255.0.9:80').hosts, ['127.255.0.9'])
  for (const text of ['::1:80', '[::1]:80'])
    t.same(parseDestination(text), { hosts: ['::1'], port: 80, authority: '[::1]:80' })
  const foreign = [
    'evil.example',
    '10.0.0.1',
    '0.0.0.0',
    '0',
    '127.1',
    '127.0.0.256',
    '127.0.0.01',
    '0177.0.0.1',
    '0x7f.0.0.1',
    '2130706433',
    '127.0.0.1.',
    '127.0.0.1.evil.example',
    'localhost.',
    'LOCALHOST',
    'localhost.localdomain',
    '[::]',
    '::',
    '[::ffff:127.0.0.1]',
    '[0:0:0:0:0:0:0:1]',
    '[::1',
    '169.254.169.254',
  ]
  for (const host of foreign)
    t.equal(
      outcome(() => parseDestination(`${host}:80`)),
      403,
      host,
    )
})

t.test('header before query before path; with either of the first two the path is untouched', async (t) => {
  t.equal(seen('/proxy/4000/x?x_oblien_target=5000', '3000'), '3000 /4000/x')
  t.equal(seen('/proxy/4000/x?x_oblien_target=5000'), '5000 /4000/x')
  t.equal(seen('/proxy/4000/x'), '4000 /x')
  t.equal(seen('/proxy/4000'), '4000 /')
  t.equal(seen('/proxy/4000/'), '4000 /')
  t.equal(seen('/proxy/4000?a=1'), '4000 /?a=1')
  t.equal(seen('/proxy', '3000'), '3000 /')
  t.equal(seen('/proxy/', '3000'), '3000 /')
  t.equal(seen('/proxy?x_oblien_target=3000'), '3000 /')
  t.equal(seen('/proxy/a/', '3000'), '3000 /a/')
  t.equal(seen('/proxy'), 400)
  t.equal(seen('/proxy/'), 400)
  t.equal(seen('/proxy//3000/'), 400)
  t.equal(seen('/proxy/x', '3000', '3000'), 400, 'two headers')
  t.equal(seen('/proxy/x?x_oblien_target=1&x_oblien_target=1'), 400, 'two parameters')
  t.equal(seen('/proxy/x?x_oblien_target=1&x_oblien_target=1', '3000'), '3000 /x', 'which the header overrules')
  t.equal(seen('/runtimes/local/proxy/4000/x'), '4000 /x')
  t.equal(seen('/runtimes/default/proxy/x?y', '3000'), '3000 /x?y')
  t.equal(seen('http://127.0.0.1:9990/proxy/4000/x?y'), '4000 /x?y', 'absolute form')
})

t.test('L-06 path and query are kept byte for byte', async (t) => {
  const exact = [
    '/a%2Fb',
    '/a%40b@c',
    '/(x)',
    '//x//y/',
    '/..%2f..%2Fetc',
    '/../x',
    '/./x',
    '/%',
    '/%zz',
    '/é',
    "/~!$&'*+,;=:|",
    '/x?',
    '/x??',
    '/x?a=1&a=2&&b',
    '/x?a=%20+b&%61=/?',
    '/x#y?z',
  ]
  for (const path of exact) t.equal(seen(`/proxy${path}`, '3000'), `3000 ${path}`, path)
  for (const path of exact) t.equal(seen(`/proxy/3000${path}`), `3000 ${path}`, path)
})

t.test('L-03 our parameters are taken out, however they are spelled, and nothing else is touched', async (t) => {
  const query = (text: string): string | number => seen(`/proxy/x?${text}`, '3000')
  t.equal(query('token=secret'), '3000 /x')
  t.equal(query('token'), '3000 /x')
  t.equal(query('token='), '3000 /x')
  t.equal(query('token=a&token=b&x_oblien_target=c'), '3000 /x')
  t.equal(query('a=1&token=secret&b=2'), '3000 /x?a=1&b=2')
  t.equal(query('%74oken=secret&a'), '3000 /x?a')
  t.equal(query('%74%6F%6b%65%6E=secret'), '3000 /x')
  t.equal(query('a&x%5Foblien_target=3'), '3000 /x?a')
  t.equal(query('?token=secret'), '3000 /x', 'which the reader of credentials takes for one')
  t.equal(query('tokens=1&Token=2&my_token=3&a=token'), '3000 /x?tokens=1&Token=2&my_token=3&a=token')
  t.equal(query('&token=x'), '3000 /x?')
  t.equal(seen('/proxy/x?x_oblien_target=4000&token=secret&a=%2F'), '4000 /x?a=%2F')
  t.equal(seen('/proxy/x?%78_oblien_target=4000'), '4000 /x')
  t.equal(seen('/proxy/x?x_oblien_target=127.0.0.1%3A4000'), '4000 /x')
})
