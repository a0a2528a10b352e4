// Deleting: trees of any shape go, what links and mounts lead to stays (protocol.md#files-change; F-16,
// F-19, F-20).

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdir, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Fault } from '../../../../src/base/fault.ts'
import type { FileWriter } from '../../../../src/workspace/files/write/file-writer.ts'
import { parseMounts } from '../../../../src/base/mountinfo.ts'
import { allLocal } from '../../../../src/workspace/files/mounts/remote-mounts.ts'
import { PROTECTED } from '../../../../src/workspace/files/moving/kept-directories.ts'
import { removePath } from '../../../../src/workspace/files/moving/removal.ts'
import { bind, ground, NO_MOUNTS } from '../../../support/mounting.ts'
import { refused } from '../../../support/refused.ts'

const { signal } = new AbortController()

const free: Pick<FileWriter, 'alone'> = { alone: (_paths, act) => act() }
const remove = (path: string) => removePath(path, { writer: free, workdir: '/nowhere' }, signal)

t.test('files, links, directories', async (t) => {
  const dir = t.testdir({ file: 'x', empty: {}, tree: { a: { b: { c: 'x' } }, d: 'x' }, kept: { x: 'x' } })
  symlinkSync('kept', join(dir, 'link'))
  symlinkSync('nowhere', join(dir, 'dangling'))
  symlinkSync('loop', join(dir, 'loop'))
  execFileSync('mkfifo', [join(dir, 'fifo')])
  for (const name of ['file', 'empty', 'tree', 'link', 'dangling', 'loop', 'fifo']) {
    await remove(join(dir, name))
    t.notOk(existsSync(join(dir, name)), name)
  }
  t.equal(readFileSync(join(dir, 'kept/x'), 'utf8'), 'x')
  await refused(t, remove(join(dir, 'file')), 'not_found', /does not exist/)
  await refused(t, remove(join(dir, 'no/file')), 'not_found', /does not exist/)
  await refused(t, remove(join(dir, 'kept/x/y')), 'bad_request', /not a directory/)
})

t.test('F-16 names that are not UTF-8 go too', async (t) => {
  const dir = t.testdir({ tree: {} })
  const name = (byte: number) => Buffer.concat([Buffer.from(join(dir, 'tree/')), Buffer.from([byte])])
  writeFileSync(name(0xff), 'x')
  mkdirSync(name(0xfe))
  writeFileSync(Buffer.concat([name(0xfe), Buffer.from([0x2f, 0xfd])]), 'x')
  await remove(join(dir, 'tree'))
  t.notOk(existsSync(join(dir, 'tree')))
})

t.test('F-19 deep and wide trees', async (t) => {
  const dir = t.testdir({ wide: {} })
  const home = process.cwd()
  process.chdir(dir)
  for (let level = 0; level < 2000; level++) {
    mkdirSync('deep')
    process.chdir('deep') // the whole path is longer than any call takes
  }
  process.chdir(home)
  for (let i = 0; i < 1000; i++) writeFileSync(join(dir, 'wide', String(i)), '')
  for (let i = 0; i < 200; i++) mkdirSync(join(dir, 'wide', `d${i}`))
  await remove(join(dir, 'deep'))
  await remove(join(dir, 'wide'))
  t.notOk(existsSync(join(dir, 'deep')) || existsSync(join(dir, 'wide')))
})

t.test('F-20 what links lead to stays, also when directories are swapped meanwhile', async (t) => {
  const dir = t.testdir({ outside: { precious: 'x' }, tree: {} })
  symlinkSync(join(dir, 'outside'), join(dir, 'tree/link'))
  symlinkSync(join(dir, 'outside/precious'), join(dir, 'tree/file'))
  await remove(join(dir, 'tree'))
  t.notOk(existsSync(join(dir, 'tree')))

  for (let i = 0; i < 50; i++) mkdirSync(join(dir, 'tree', `d${i}`, 'sub'), { recursive: true })
  const removed = remove(join(dir, 'tree')).catch((error: unknown) => error)
  for (let i = 0; i < 50; i++) {
    await rename(join(dir, 'tree', `d${i}`), join(dir, `away${i}`)).catch(() => {})
    await symlink(join(dir, 'outside'), join(dir, 'tree', `d${i}`)).catch(() => {})
  }
  const outcome = await removed
  t.ok(outcome === undefined || outcome instanceof Fault, 'done, or refused')
  t.equal(readFileSync(join(dir, 'outside/precious'), 'utf8'), 'x')
})

t.test('F-20 protected directories are refused under every name', async (t) => {
  for (const path of PROTECTED) await refused(t, remove(path), 'forbidden', /never deleted/)
  for (const path of ['/proc/self/root/etc', '/proc/thread-self/root/usr'])
    await refused(t, remove(path), 'forbidden', /never deleted/)
  await refused(t, remove('/proc/self/root'), 'forbidden', /may not be changed/)
  const dir = t.testdir({})
  symlinkSync('/', join(dir, 'root'))
  await refused(t, remove(join(dir, 'root/etc')), 'forbidden', /never deleted/)
  await remove(join(dir, 'root'))
  t.ok(existsSync('/etc'), 'the link alone went')
})

t.test('F-20 mounts are refused and nothing is touched', { skip: NO_MOUNTS }, async (t) => {
  const place = ground(t)
  const { dir } = place
  await mkdir(join(dir, 'outside/etc'), { recursive: true })
  await mkdir(join(dir, 'tree/with blank'), { recursive: true })
  writeFileSync(join(dir, 'outside/precious'), 'x')
  writeFileSync(join(dir, 'tree/file'), 'x')
  bind(place, join(dir, 'outside'), join(dir, 'tree/with blank'))
  await refused(t, remove(join(dir, 'tree')), 'conflict', /mounted at .*with blank.*nothing was deleted/)
  await refused(t, remove(join(dir, 'tree/with blank')), 'conflict', /mounted/)
  t.ok(existsSync(join(dir, 'outside/precious')) && existsSync(join(dir, 'tree/file')))
  await remove(join(dir, 'tree/with blank/precious'))
  t.notOk(existsSync(join(dir, 'outside/precious')), 'files in a mount are as any others')

  mkdirSync(join(dir, 'root'))
  bind(place, '/', join(dir, 'root'))
  await refused(t, remove(join(dir, 'root/boot')), 'forbidden', /never deleted/)
  writeFileSync(join(dir, 'host'), '')
  bind(place, join(dir, 'tree/file'), join(dir, 'host'))
  await refused(t, remove(join(dir, 'host')), 'conflict', /in use/)
})

t.test('mount points are read with their escapes', (t) => {
  const lines = '36 35 98:0 /m /mnt/a\\040b rw - ext3 /dev/root rw\n37 35 0:5 / /proc rw - proc proc rw\n'
  t.match(parseMounts(lines), [
    { point: '/mnt/a b', type: 'ext3', source: '/dev/root' },
    { point: '/proc', type: 'proc' },
  ])
  t.end()
})

t.test('a caller who has left stops it', async (t) => {
  const dir = t.testdir({ tree: { a: 'x' } })
  await t.rejects(
    removePath(join(dir, 'tree'), { writer: free, workdir: '/nowhere' }, AbortSignal.abort(new Error('left'))),
    /left/,
  )
  t.ok(existsSync(join(dir, 'tree/a')))
})

t.test('mounts that may keep a call waiting are told from local ones', async (t) => {
  const line = (type: string) => `27 1 254:0 / /x rw,relatime shared:1 - ${type} source rw`
  t.equal(allLocal(parseMounts(['ext4', 'proc', 'overlay', 'tmpfs'].map(line).join('\n'))), true)
  for (const type of ['nfs4', 'fuse.sshfs', '9p', 'autofs', 'cifs', 'virtiofs', 'unheard-of']) {
    t.equal(allLocal(parseMounts([line('ext4'), line(type)].join('\n'))), false, type)
  }
  t.equal(allLocal(parseMounts('')), false)
})
