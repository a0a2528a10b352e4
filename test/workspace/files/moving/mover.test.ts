// Moving and copying: names, kinds, permissions, what is refused, and that a failure or a kill leaves one side whole
// (F-19, F-21).

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openFileWriter } from '../../../../src/workspace/files/write/file-writer.ts'
import { renameInSteps } from '../../../../src/workspace/files/moving/staging.ts'
import { parseMounts } from '../../../../src/base/mountinfo.ts'
import { pseudoDevices, pseudoDevicesOf } from '../../../../src/workspace/files/mounts/remote-mounts.ts'
import { removePath } from '../../../../src/workspace/files/moving/removal.ts'
import { openMover, type Relocation } from '../../../../src/workspace/files/moving/mover.ts'
import { bind, ground, NO_MOUNTS, NO_ROOT, tmpfs } from '../../../support/mounting.ts'
import { refused } from '../../../support/refused.ts'
import { until } from '../../../support/until.ts'

async function movers(t: Test, durable = false) {
  const place = ground(t)
  const { dir } = place
  const stateDirectory = join(dir, '.state')
  const writer = await openFileWriter({ stateDirectory, durable })
  const mover = openMover({ writer, durable, workdir: '/nowhere' })
  place.undo.push(async () => {
    await mover[Symbol.asyncDispose]()
    await writer[Symbol.asyncDispose]()
    const left = readdirSync(stateDirectory)
    if (left.length > 0) throw new Error(`left in the state directory: ${left.join(', ')}`)
  })
  const { signal } = new AbortController()
  const at = (path: string) => (path.startsWith('/') ? path : join(dir, path))
  const request = (path: string, to: string, more: Partial<Relocation> = {}) => ({
    path: at(path),
    to: at(to),
    overwrite: false,
    createDirs: false,
    ...more,
  })
  return {
    ...place,
    at,
    mover,
    writer,
    move: (path: string, to: string, more?: Partial<Relocation>) => mover.move(request(path, to, more), signal),
    copy: (path: string, to: string, more?: Partial<Relocation>, by = signal) =>
      mover.copy(request(path, to, more), by),
    request,
  }
}

/** What there is below `root`, with everything a copy keeps. */
function account(root: string, path = ''): Record<string, unknown> {
  const stats = lstatSync(join(root, path))
  const mode = (stats.mode & 0o7777).toString(8)
  const facts: Record<string, unknown> = { mode, mtime: Math.round(stats.mtimeMs) }
  if (stats.isSymbolicLink()) Object.assign(facts, { link: readlinkSync(join(root, path)) })
  if (stats.isFile()) Object.assign(facts, { content: readFileSync(join(root, path), 'latin1') })
  const below = stats.isDirectory() ? readdirSync(join(root, path)).sort() : []
  return Object.assign({ [path]: facts }, ...below.map((name) => account(root, join(path, name))))
}

function layOut(root: string): void {
  mkdirSync(join(root, 'sub/empty'), { recursive: true })
  writeFileSync(join(root, 'plain'), 'content', { mode: 0o640 })
  writeFileSync(join(root, 'sub/program'), '#!/bin/sh\n')
  chmodSync(join(root, 'sub/program'), 0o755)
  writeFileSync(join(root, 'sub/ä b'), '')
  symlinkSync('plain', join(root, 'link'))
  symlinkSync('nowhere', join(root, 'sub/dangling'))
  symlinkSync('..', join(root, 'sub/up'))
  const long = new Date('2001-02-03T04:05:06.789Z')
  utimesSync(join(root, 'plain'), long, long)
  chmodSync(join(root, 'sub/empty'), 0o555)
  utimesSync(join(root, 'sub'), long, long)
}

const noTemporaries = (t: Test, directory: string) =>
  t.strictSame(
    readdirSync(directory).filter((name) => name.endsWith('~')),
    [],
    'nothing is left over',
  )

t.test('a copy has names, content, permissions, times and links', async (t) => {
  const { at, dir, copy, move } = await movers(t, true)
  layOut(at('tree'))
  const before = account(at('tree'))
  t.strictSame(await copy('tree', 'copy'), { files: 3, directories: 3, links: 3, bytes: 17, skipped: 0 })
  t.strictSame(account(at('copy')), before)
  t.strictSame(account(at('tree')), before, 'the source is as it was')
  t.strictSame(await copy('tree/plain', 'one'), { files: 1, directories: 0, links: 0, bytes: 7, skipped: 0 })
  t.strictSame(account(at('one')), { '': before['plain'] })
  t.strictSame(await copy('tree/link', 'alias'), { files: 0, directories: 0, links: 1, bytes: 0, skipped: 0 })
  t.equal(readlinkSync(at('alias')), 'plain')
  t.equal(await move('copy', 'moved'), undefined)
  t.strictSame(account(at('moved')), before)
  t.notOk(existsSync(at('copy')))
  noTemporaries(t, dir)
})

t.test('what is there is not replaced, unless it is a file and that was asked for', async (t) => {
  const { at, dir, copy, move } = await movers(t)
  for (const [name, content] of [['a', 'new'], ['b', 'old'], ['c', 'third']] as const) writeFileSync(at(name), content) // prettier-ignore
  mkdirSync(at('d/inner'), { recursive: true })
  mkdirSync(at('e'))
  symlinkSync('b', at('link'))
  symlinkSync('nowhere', at('dangling'))
  for (const act of [copy, move]) {
    for (const to of ['b', 'link', 'dangling'])
      await refused(t, act('a', to), 'conflict', /exists already; overwrite replaces it/)
    for (const to of ['d', 'e']) {
      await refused(t, act('a', to), 'conflict', /is a directory, which is never replaced; name the new path itself/)
      await refused(t, act('a', to, { overwrite: true }), 'conflict', /never replaced/)
      await refused(t, act('d', 'e', { overwrite: true }), 'conflict', /never replaced/)
    }
    await refused(t, act('d', 'b', { overwrite: true }), 'conflict', /a directory does not replace a file/)
    await refused(t, act('a', 'no/where'), 'not_found', /no parent directory .*create_dirs makes it/)
    await refused(t, act('a', 'b/c'), 'bad_request', /not a directory/)
    await refused(t, act('nothing', 'x'), 'not_found', /does not exist/)
    await refused(t, act('a', 'a'), 'bad_request', /are the same/)
    await refused(t, act('d', 'd/inner/d'), 'bad_request', /is inside/)
    await refused(t, act('d', 'd/x/y/z', { createDirs: true }), 'bad_request', /is inside/)
  }
  t.equal(readFileSync(at('b'), 'utf8'), 'old')
  await copy('a', 'b', { overwrite: true })
  t.equal(readFileSync(at('b'), 'utf8'), 'new')
  await move('c', 'link', { overwrite: true })
  t.equal(readFileSync(at('link'), 'utf8'), 'third', 'the link itself was replaced')
  t.equal(readFileSync(at('b'), 'utf8'), 'new')
  await move('a', 'x/y/z', { createDirs: true })
  t.equal(readFileSync(at('x/y/z'), 'utf8'), 'new')
  symlinkSync('x', at('way'))
  await refused(t, move('x', 'way/inside'), 'bad_request', /is inside/)
  noTemporaries(t, dir)
})

t.test('two names of one file', async (t) => {
  const { at, move } = await movers(t)
  writeFileSync(at('a'), 'content')
  linkSync(at('a'), at('b'))
  await refused(t, move('a', 'b'), 'conflict', /exists already/)
  await move('a', 'b', { overwrite: true })
  t.notOk(existsSync(at('a')), 'rename(2) would leave both')
  t.equal(readFileSync(at('b'), 'utf8'), 'content')
})

t.test('hard links among what is copied stay, holes too, and special files are counted', async (t) => {
  const { at, copy } = await movers(t)
  mkdirSync(at('tree/sub'), { recursive: true })
  writeFileSync(at('tree/a'), 'content')
  for (const name of ['tree/b', 'tree/sub/c']) linkSync(at('tree/a'), at(name))
  execFileSync('mkfifo', [at('tree/fifo'), at('fifo')])
  const sparse = await open(at('tree/sparse'), 'w')
  await sparse.truncate(2 ** 36)
  await sparse.write('middle', 2 ** 35)
  await sparse.close()
  t.match(await copy('tree', 'copy'), { files: 4, directories: 2, skipped: 1 })
  const inodes = ['a', 'b', 'sub/c'].map((name) => statSync(join(at('copy'), name)).ino)
  t.equal(new Set(inodes).size, 1)
  t.not(inodes[0], statSync(at('tree/a')).ino)
  const made = statSync(at('copy/sparse'))
  t.equal(made.size, 2 ** 36)
  t.ok(made.blocks < 1000)
  const copied = await open(at('copy/sparse'))
  t.equal((await copied.read(Buffer.alloc(6), 0, 6, 2 ** 35)).buffer.toString(), 'middle')
  await copied.close()
  await refused(t, copy('fifo', 'x'), 'not_regular', /is a fifo/)
})

t.test('where the kernel cannot rename without replacing, several steps do', async (t) => {
  const dir = t.testdir({ file: 'content', tree: { inner: 'x' }, empty: {}, full: { x: 'x' } })
  const at = (name: string) => join(dir, name)
  symlinkSync('file', at('link'))
  const rename = (from: string, to: string) => renameInSteps(at(from), lstatSync(at(from)), at(to))
  for (const from of ['file', 'link', 'tree']) {
    for (const to of ['empty', 'full', 'file', 'link']) await t.rejects(rename(from, to), { code: 'EEXIST' })
    await rename(from, `new-${from}`)
    await rename(`new-${from}`, from)
  }
  t.equal(readlinkSync(at('link')), 'file')
  t.strictSame(readdirSync(dir).sort(), ['empty', 'file', 'full', 'link', 'tree'])
  await t.rejects(rename('tree', 'tree/inner/x'), { code: 'ENOTDIR' })
  await t.rejects(rename('tree', 'tree/below'), { code: 'EINVAL' })
  t.strictSame(readdirSync(at('tree')), ['inner'], 'what was made for it has gone')
})

t.test('what the kernel shows as files is told by its device', async (t) => {
  const devices = await pseudoDevices()
  t.ok(devices.has(statSync('/proc').dev))
  t.notOk(devices.has(statSync(import.meta.dirname).dev))
  t.strictSame(pseudoDevicesOf(parseMounts('36 35 259:70000 / /sys rw - sysfs sysfs rw\n37 1 254:0 / / rw - ext4 /dev/x rw\n')), new Set([0x11110370])) // prettier-ignore
})

t.test('set-id bits are not copied', async (t) => {
  const { at, copy, move } = await movers(t)
  writeFileSync(at('program'), 'x'.repeat(100_000))
  chmodSync(at('program'), 0o6755)
  await copy('program', 'copy')
  t.equal(statSync(at('copy')).mode & 0o7777, 0o755)
  await move('program', 'moved')
  t.equal(statSync(at('moved')).mode & 0o7777, 0o6755)
})

t.test('F-19 deep trees and loops', async (t) => {
  const { at, dir, copy, move } = await movers(t)
  mkdirSync(at('tree'))
  const home = process.cwd()
  process.chdir(at('tree'))
  for (let level = 0; level < 2000; level++) {
    mkdirSync('deep')
    process.chdir('deep') // the whole path is longer than any call takes
  }
  symlinkSync('.', 'loop')
  writeFileSync('bottom', 'x')
  process.chdir(home)
  t.strictSame(await copy('tree', 'copy'), { files: 1, directories: 2001, links: 1, bytes: 1, skipped: 0 })
  await move('tree', 'moved')
  noTemporaries(t, dir)
  for (const name of ['copy', 'moved']) execFileSync('rm', ['-r', at(name)])
})

t.test('given up half-way nothing is left', async (t) => {
  const { at, dir, copy } = await movers(t)
  layOut(at('tree'))
  const sparse = await open(at('tree/large'), 'w')
  for (let i = 0; i < 20; i++) await sparse.write(Buffer.alloc(1024 * 1024, 'x'))
  await sparse.close()
  const gone = new AbortController()
  const copying = copy('tree', 'copy', {}, gone.signal)
  copying.catch(() => undefined)
  await until('something is staged', () => readdirSync(dir).some((name) => name.startsWith('.copy.')))
  gone.abort(new Error('left'))
  await t.rejects(copying, /left/)
  t.notOk(existsSync(at('copy')))
  noTemporaries(t, dir)
})

t.test('protected directories and mounts', { skip: NO_MOUNTS }, async (t) => {
  const kit = await movers(t)
  const { at, move, copy } = kit
  for (const path of ['/', '/etc', '/usr', '/proc/self/root/etc']) {
    await refused(t, move(path, 'x'), 'forbidden', /never moved/)
  }
  mkdirSync(at('outside'))
  mkdirSync(at('tree/point'), { recursive: true })
  writeFileSync(at('outside/file'), 'x')
  bind(kit, at('outside'), at('tree/point'))
  await refused(t, move('tree/point', 'x'), 'conflict', /mounted at .*nothing was moved/)
  await refused(t, copy('outside', 'tree/point/inner'), 'bad_request', /is inside/)
  t.strictSame(readdirSync(at('outside')), ['file'])
  await refused(t, copy('tree', 'tree/point/way'), 'bad_request', /is inside/)
  t.match(await copy('tree', 'copy'), { files: 1 }, 'what is mounted is copied like the rest')
  const disk = tmpfs(kit, 'size=4m')
  await refused(t, move('tree', join(disk, 'x')), 'conflict', /mounted at/)
  writeFileSync(at('large'), Buffer.alloc(8 * 1024 * 1024))
  for (const act of [copy, move]) await refused(t, act('large', join(disk, 'x')), 'insufficient_storage', /no space/)
  t.strictSame(readdirSync(disk), [])
  t.equal(statSync(at('large')).size, 8 * 1024 * 1024)
})

t.test('F-21 to another file system, with all that belongs to it', { skip: NO_ROOT || NO_MOUNTS }, async (t) => {
  const kit = await movers(t, true)
  const { at, dir, move } = kit
  const disk = tmpfs(kit, 'size=64m')
  layOut(at('tree'))
  execFileSync('chown', ['1234:4321', at('tree/plain')])
  chmodSync(at('tree/plain'), 0o4750)
  const before = account(at('tree'))
  t.strictSame(await move('tree', join(disk, 'moved')), { files: 3, directories: 3, links: 3, bytes: 17, skipped: 0 })
  t.strictSame(account(join(disk, 'moved')), before)
  t.match(statSync(join(disk, 'moved/plain')), { uid: 1234, gid: 4321 })
  t.notOk(existsSync(at('tree')))
  await refused(t, move(join(disk, 'moved'), '.state'), 'conflict', /never replaced/)
  await move(join(disk, 'moved/plain'), 'plain')
  mkdirSync(at('odd'))
  execFileSync('mkfifo', [at('fifo'), at('odd/fifo')])
  for (const name of ['fifo', 'odd']) {
    await refused(t, move(name, join(disk, name)), 'conflict', /FIFOs.*do not go to another file system/)
  }
  t.ok(existsSync(at('odd/fifo')) && !existsSync(join(disk, 'odd')))
  t.equal(readFileSync(at('plain'), 'utf8'), 'content')
  noTemporaries(t, dir)
  noTemporaries(t, disk)
})

t.test('F-13 a conditional write cannot bring back what was moved or deleted meanwhile', async (t) => {
  const { dir, writer, move } = await movers(t)
  const { signal } = new AbortController()
  const acts = {
    moved: (path: string) => move(path, `${path} elsewhere`),
    deleted: (path: string) => removePath(path, { writer, workdir: '/nowhere' }, signal),
  }
  for (const [name, act] of Object.entries(acts)) {
    const path = join(dir, name)
    writeFileSync(path, 'old')
    let asked = 0
    let done: Promise<unknown> | undefined
    const condition = async (): Promise<void> => {
      if (++asked < 2) return
      done = act(path)
      for (let i = 0; i < 50; i++) await stat(dir) // far more than the act takes
    }
    const request = { path, content: 'new', encoding: 'utf8', createDirs: false, append: false, condition } as const
    t.equal((await writer.write(request, signal)).created, false)
    await done
    t.notOk(existsSync(path), `${name}: it had its turn after the write`)
  }
  t.equal(readFileSync(join(dir, 'moved elsewhere'), 'utf8'), 'new')
})

t.test('F-13 moves that cross each other do not wait for each other', async (t) => {
  const { dir, move } = await movers(t)
  writeFileSync(join(dir, 'a'), 'x')
  linkSync(join(dir, 'a'), join(dir, 'b'))
  const there = () => move('a', 'b', { overwrite: true }).catch(() => undefined)
  const back = () => move('b', 'a', { overwrite: true }).catch(() => undefined)
  for (let i = 0; i < 20; i++) await Promise.all([there(), back(), there(), back()])
  t.equal(readdirSync(dir).filter((name) => name === 'a' || name === 'b').length, 1)
})

t.test('F-21 what was written to a file while it was copied is not lost', { skip: NO_ROOT || NO_MOUNTS }, async (t) => {
  const kit = await movers(t)
  const { at, writer, request } = kit
  const disk = tmpfs(kit, 'size=1m')
  writeFileSync(at('log'), 'old')
  let turns = 0
  const alone: typeof writer.alone = (paths, act) => {
    if (++turns === 2) writeFileSync(at('log'), 'new') // the copy is complete then, and has no name yet
    return writer.alone(paths, act)
  }
  const mover = openMover({ writer: { journal: writer.journal, alone }, durable: false, workdir: '/nowhere' })
  const moved = mover.move(request('log', join(disk, 'log')), new AbortController().signal)
  await refused(t, moved, 'conflict', /changed while it was copied; nothing was moved/)
  t.equal(readFileSync(at('log'), 'utf8'), 'new')
  t.strictSame(readdirSync(disk), [])
})
