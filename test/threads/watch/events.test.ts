// Parses events as the kernel writes them, and names that lead back to their bytes.

import t from 'tap'
import { EVENT, IN } from '../../../src/native/inotify.ts'
import { parseEvents } from '../../../src/threads/watch/events.ts'
import { locate, nameOfBytes, textOfName } from '../../../src/threads/watch/tree.ts'

function event(wd: number, mask: number, cookie: number, name: Buffer): Buffer {
  const padded = name.length === 0 ? 0 : Math.ceil((name.length + 1) / 16) * 16
  const bytes = Buffer.alloc(EVENT.name + padded)
  bytes.writeInt32LE(wd, EVENT.wd)
  bytes.writeUInt32LE(mask, EVENT.mask)
  bytes.writeUInt32LE(cookie, EVENT.cookie)
  bytes.writeUInt32LE(padded, EVENT.length)
  name.copy(bytes, EVENT.name)
  return bytes
}

t.test('events with names, without, and the notice of a loss', async (t) => {
  const bytes = Buffer.concat([
    event(1, IN.MOVED_FROM | IN.ISDIR, 7, Buffer.from('sixteen-letters-')),
    event(2, IN.IGNORED, 0, Buffer.alloc(0)),
    event(-1, IN.Q_OVERFLOW, 0, Buffer.alloc(0)),
    event(3, IN.CREATE, 0, Buffer.from('\xff', 'latin1')),
  ])
  t.same(parseEvents(Buffer.concat([bytes, Buffer.alloc(64)]), bytes.length), [
    { wd: 1, mask: IN.MOVED_FROM | IN.ISDIR, cookie: 7, name: 'sixteen-letters-' },
    { wd: 2, mask: IN.IGNORED, cookie: 0, name: '' },
    { wd: -1, mask: IN.Q_OVERFLOW, cookie: 0, name: '' },
    { wd: 3, mask: IN.CREATE, cookie: 0, name: '\0\xff' },
  ])
})

t.test('names: text where it is UTF-8, a real U+FFFD included; otherwise their bytes', async (t) => {
  const spelled = (bytes: Buffer) => nameOfBytes(bytes, 0, bytes.length)
  t.equal(spelled(Buffer.from('é\uFFFD')), 'é\uFFFD')
  const odd = spelled(Buffer.from('a\xffé', 'latin1'))
  t.equal(textOfName(odd), 'a\uFFFD\uFFFD')
  t.same(locate(`/x/${odd}/y`).raw, Buffer.from('/x/a\xffé/y', 'latin1'))
  t.same(locate('/x/y'), { path: '/x/y', raw: undefined })
})
