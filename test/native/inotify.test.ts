// The numbers and layouts of inotify and eventfd, against the kernel itself.

import { mkdirSync, readSync, renameSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { addWatch, closeDescriptor, IN, openInotify, openWakeup, removeWatch } from '../../src/native/inotify.ts'
import { POLLIN, pollReadable } from '../../src/native/libc.ts'
import { parseEvents } from '../../src/threads/watch/events.ts'

const names = (mask: number) =>
  Object.entries(IN)
    .filter(([, bit]) => (mask & bit) !== 0)
    .map(([name]) => name)
    .join(' ')

t.test('each kind of event as the kernel tells it', async (t) => {
  const root = t.testdir({ sub: {} })
  const fd = openInotify()
  t.teardown(() => closeDescriptor(fd))
  const wd = addWatch(fd, root, true)
  const sub = addWatch(fd, Buffer.from(join(root, 'sub')), false)
  t.not(wd, sub)
  writeFileSync(join(root, 'f'), 'x')
  renameSync(join(root, 'f'), join(root, 'sub/g'))
  rmSync(join(root, 'sub/g'))
  removeWatch(fd, Number(sub))
  removeWatch(fd, Number(sub)) // is gone already: no error
  mkdirSync(join(root, 'd'))
  t.equal((pollReadable([fd], 1000)[0] ?? 0) & POLLIN, POLLIN)
  const buffer = Buffer.alloc(4096)
  const events = parseEvents(buffer, readSync(fd, buffer))
  t.same(
    events.map((event) => [event.wd === wd ? 'root' : 'sub', names(event.mask), event.name]),
    [
      ['root', 'CREATE', 'f'],
      ['root', 'MODIFY', 'f'],
      ['root', 'CLOSE_WRITE', 'f'],
      ['root', 'MOVED_FROM', 'f'],
      ['sub', 'MOVED_TO', 'g'],
      ['sub', 'DELETE', 'g'],
      ['sub', 'IGNORED', ''],
      ['root', 'CREATE ISDIR', 'd'],
    ],
  )
  const [from, to] = events.filter(({ cookie }) => cookie !== 0)
  t.equal(from?.cookie, to?.cookie)
})

t.test('only directories are watched, and links only as roots', async (t) => {
  const root = t.testdir({ file: '' })
  symlinkSync('.', join(root, 'link'))
  const fd = openInotify()
  t.teardown(() => closeDescriptor(fd))
  t.equal(addWatch(fd, join(root, 'file'), true), 'ENOTDIR')
  t.equal(addWatch(fd, join(root, 'none'), false), 'ENOENT')
  t.equal(addWatch(fd, join(root, 'link'), false), 'ENOTDIR')
  t.type(addWatch(fd, join(root, 'link'), true), 'number')
})

t.test('the wakeup is readable once it has been written, until it is read', async (t) => {
  const fd = openWakeup()
  t.teardown(() => closeDescriptor(fd))
  t.same(pollReadable([fd], 0), [0])
  const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
  writeSync(fd, one)
  writeSync(fd, one)
  t.same(pollReadable([fd], 0), [POLLIN])
  const read = Buffer.alloc(8)
  t.equal(readSync(fd, read), 8)
  t.equal(read.readBigUInt64LE(0), 2n)
  t.same(pollReadable([fd], 0), [0])
})
