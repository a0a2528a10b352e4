// The archive's tar: bytes that depend on its contents alone, read back by node-tar.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { list } from 'tar'
import t from 'tap'
import { tarball } from '../../../scripts/build/tarball.ts'

const TIME = new Date(1_700_000_000_000)
const entries = [
  { path: 'dir/b.txt', mode: 0o644, content: Buffer.from('b'.repeat(513)) },
  { path: 'dir/a', mode: 0o755, content: Buffer.alloc(0) },
]

t.test('entries are sorted, of root, all of one time', async (t) => {
  const file = join(t.testdir(), 'x.tar')
  const bytes = tarball(entries, TIME)
  t.same(tarball(entries.toReversed(), TIME), bytes, 'their order does not matter')
  t.equal(bytes.length % 512, 0)
  writeFileSync(file, bytes)
  const found: object[] = []
  await list({
    file,
    strict: true,
    onReadEntry: ({ path, mode, uid, gid, size, mtime, type }) => {
      found.push({ path, mode, uid, gid, size, time: mtime?.getTime(), type })
    },
  })
  const same = { uid: 0, gid: 0, time: TIME.getTime(), type: 'File' }
  t.same(found, [
    { path: 'dir/a', mode: 0o755, size: 0, ...same },
    { path: 'dir/b.txt', mode: 0o644, size: 513, ...same },
  ])
})

t.test('a name that does not fit is refused', async (t) => {
  const long = [{ path: 'x'.repeat(101), mode: 0o644, content: Buffer.alloc(0) }]
  t.throws(() => tarball(long, TIME), /too long a name/)
})
