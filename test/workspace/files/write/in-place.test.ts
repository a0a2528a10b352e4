// Writing where there is no room, or where the file must stay the one it is: nothing old is lost
// (protocol.md#files-write; F-07, F-09, F-11, F-22).

import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readFile } from '../../../../src/workspace/files/read/file-reader.ts'
import { desk } from '../../../support/desk.ts'
import { bind, NO_MOUNTS, NO_ROOT, tmpfs } from '../../../support/mounting.ts'
import { refused } from '../../../support/refused.ts'

const MiB = 1024 * 1024

t.test('F-07 a full disk: 507, the old content intact, nothing left', { skip: NO_MOUNTS }, async (t) => {
  const place = await desk(t)
  const { write } = place
  const disk = tmpfs(place, 'size=16m')
  const path = join(disk, 'file')
  const old = randomBytes(MiB)
  await writeFile(path, old)
  await refused(t, write(path, Buffer.alloc(32 * MiB)), 'insufficient_storage', /no space/)
  t.same(readdirSync(disk), ['file'], 'no temporary file')
  t.ok(readFileSync(path).equals(old))
  await refused(t, write(path, Buffer.alloc(32 * MiB), { append: true }), 'insufficient_storage', /no space/)
  t.ok(readFileSync(path).equals(old), 'an append that fails is taken back')
  await link(path, join(disk, 'second'))
  await refused(t, write(path, Buffer.alloc(32 * MiB)), 'insufficient_storage', /no space/)
  t.ok(readFileSync(path).equals(old), 'also where it is written in place')
  await refused(
    t,
    write(join(disk, 'new'), Buffer.alloc(32 * MiB), { append: true }),
    'insufficient_storage',
    /no space/,
  )
  t.same(readdirSync(disk).sort(), ['file', 'second'])
  t.same(await write(path, 'fits'), { size: 4, atomic: false })
})

t.test('F-07 no inodes left: 507', { skip: NO_MOUNTS }, async (t) => {
  const place = await desk(t)
  const { write } = place
  const disk = tmpfs(place, 'size=1m,nr_inodes=2')
  await writeFile(join(disk, 'only'), 'old')
  await refused(t, write(join(disk, 'only'), 'new'), 'insufficient_storage', /no space/)
  await refused(t, write(join(disk, 'more'), 'new'), 'insufficient_storage', /no space/)
  t.equal(readFileSync(join(disk, 'only'), 'utf8'), 'old')
})

t.test('F-09 a file with two names keeps both', async (t) => {
  const { dir, write } = await desk(t, true)
  await writeFile(join(dir, 'one'), 'a longer old text')
  await link(join(dir, 'one'), join(dir, 'two'))
  for (const text of ['short', 'longer than before, by far', '']) {
    t.same(await write(join(dir, 'two'), text), { size: text.length, atomic: false })
    t.equal(readFileSync(join(dir, 'one'), 'utf8'), text)
  }
  t.same(readdirSync(dir).sort(), ['one', 'two'])
})

t.test('F-11 what cannot be replaced is written in place, or refused', { skip: NO_MOUNTS }, async (t) => {
  const place = await desk(t)
  const { dir, write, undo } = place
  const program = join(dir, 'program')
  execFileSync('cp', ['/bin/sleep', program])
  const running = spawn(program, ['60'], { stdio: 'ignore' })
  undo.push(() => running.kill('SIGKILL'))
  t.same(await write(program, 'new'), { size: 3, atomic: true }, 'a running program')

  await mkdir(join(dir, 'source'))
  await writeFile(join(dir, 'source/file'), 'an old text')
  await writeFile(join(dir, 'bound'), '')
  bind(place, join(dir, 'source/file'), join(dir, 'bound'))
  t.same(await write(join(dir, 'bound'), 'short'), { size: 5, atomic: false }, 'a bind-mounted file')
  t.equal(readFileSync(join(dir, 'source/file'), 'utf8'), 'short')
  t.same(readdirSync(dir).sort(), ['bound', 'program', 'source'], 'no temporary file')

  await mkdir(join(dir, 'frozen'))
  bind(place, join(dir, 'source'), join(dir, 'frozen'), 'ro')
  await refused(t, write(join(dir, 'frozen/file'), 'x'), 'forbidden', /read-only/)
  await refused(t, write(join(dir, 'frozen/new'), 'x'), 'forbidden', /read-only/)
  await refused(t, write(join(dir, 'frozen/a/b'), 'x', { createDirs: true }), 'forbidden', /read-only/)
  t.equal(readFileSync(join(dir, 'source/file'), 'utf8'), 'short')
})

t.test('F-11 files of the kernel are written in place', async (t) => {
  const { write, undo } = await desk(t)
  const path = '/proc/self/comm'
  const before = readFileSync(path)
  undo.push(() => writeFileSync(path, before))
  t.match(await write(path, 'renamed'), { atomic: false })
  t.equal(readFileSync(path, 'utf8'), 'renamed\n')
})

t.test('F-22 as another user: what the system refuses is 403', { skip: NO_ROOT }, async (t) => {
  const { dir, write } = await desk(t)
  await mkdir(join(dir, 'theirs'), { mode: 0o777 })
  await chmod(join(dir, 'theirs'), 0o777)
  await writeFile(join(dir, 'secret'), 'root', { mode: 0o600 })
  await writeFile(join(dir, 'theirs/kept'), 'root', { mode: 0o644 })
  await chmod(join(dir, '..'), 0o755)
  await chmod(dir, 0o755)
  const reading = { path: join(dir, 'secret'), numbered: false, encoding: 'utf8' } as const
  process.seteuid?.(65_534)
  t.teardown(() => process.seteuid?.(0))
  try {
    await symlink(join(dir, 'secret'), join(dir, 'theirs/planted'))
    await refused(t, readFile(reading, new AbortController().signal), 'forbidden', /may not be accessed/)
    await refused(t, write(join(dir, 'theirs/planted'), 'x'), 'forbidden', /may not be accessed/)
    await refused(t, write(join(dir, 'theirs/planted'), 'x', { append: true }), 'forbidden', /may not be accessed/)
    await refused(t, write(join(dir, 'theirs/kept'), 'x'), 'forbidden', /may not be accessed/)
    await refused(t, write(join(dir, 'new/deep'), 'x', { createDirs: true }), 'forbidden', /may not be accessed/)
    t.same(await write(join(dir, 'theirs/a/b'), 'x', { createDirs: true }), { size: 1, atomic: true })
  } finally {
    process.seteuid?.(0)
  }
  t.equal(statSync(join(dir, 'theirs/a')).uid, 65_534)
  t.equal(statSync(join(dir, 'theirs')).uid, 0)
  t.equal(readFileSync(join(dir, 'secret'), 'utf8'), 'root')
  t.same(readdirSync(join(dir, 'theirs')).sort(), ['a', 'kept', 'planted'])
})
