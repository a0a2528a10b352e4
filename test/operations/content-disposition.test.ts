// Names in headers, and types by name (T-08).

import t from 'tap'
import { contentDisposition } from '../../src/operations/content-disposition.ts'
import { mayBeShown, mediaTypeOf } from '../../src/operations/http-file.ts'

t.test('T-08 no name ends the header, and every name comes back', async (t) => {
  const table: [string, string][] = [
    ['a b.txt', 'attachment; filename="a b.txt"'],
    ['a"b\\c', `attachment; filename="a_b_c"; filename*=UTF-8''a%22b%5Cc`],
    [
      'x\r\nSet-Cookie: a=b',
      `attachment; filename="x__Set-Cookie: a=b"; filename*=UTF-8''x%0D%0ASet-Cookie%3A%20a%3Db`,
    ],
    ['höl.txt', `attachment; filename="h_l.txt"; filename*=UTF-8''h%C3%B6l.txt`],
    ['漢😀', `attachment; filename="__"; filename*=UTF-8''%E6%BC%A2%F0%9F%98%80`],
    ["it's (1)*.txt", `attachment; filename="it's (1)*.txt"`],
    ["it's é", `attachment; filename="it's _"; filename*=UTF-8''it%27s%20%C3%A9`],
    ['50%41', `attachment; filename="50_41"; filename*=UTF-8''50%2541`],
    ['\u007f\ud800', `attachment; filename="__"; filename*=UTF-8''%7F%EF%BF%BD`],
  ]
  for (const [name, wanted] of table) t.equal(contentDisposition('attachment', name), wanted)
  const every = Array.from({ length: 0x300 }, (_, code) => String.fromCharCode(code)).join('')
  t.match(contentDisposition('inline', every), /^inline; [ -~]*$/)
})

t.test('what can run in a browser is an attachment', async (t) => {
  t.equal(mediaTypeOf('a.TXT'), 'text/plain; charset=utf-8')
  t.equal(mediaTypeOf('README'), 'application/octet-stream')
  t.equal(mediaTypeOf('.png'), 'application/octet-stream', 'a hidden file without extension')
  for (const name of ['a.png', 'a.txt', 'a.json', 'a.mp4']) t.ok(mayBeShown(mediaTypeOf(name)), name)
  for (const name of ['a.html', 'a.svg', 'a.js', 'a.xml', 'a.xhtml', 'a.pdf', 'a.css', 'a']) {
    t.notOk(mayBeShown(mediaTypeOf(name)), name)
  }
})
