// Unpacking with real archives and real disks: what other programs write is restored to the bit, and what costs
// more than it may is stopped (T-03, T-04, F-15, F-16).

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import type { Progress } from '../../../src/threads/archive/unpack-job.ts'
import { openUnpacker, type UnpackerOptions } from '../../../src/workspace/archives/unpack.ts'
import { notesOf, openUnpackJournals } from '../../../src/workspace/archives/unpack-journals.ts'
import { ground, NO_MOUNTS, tmpfs } from '../../support/mounting.ts'
import { refused } from '../../support/refused.ts'
import { archive, END, header, member, pax } from '../../support/tar-writer.ts'

const MIB = 1024 * 1024

function* pieces(bytes: Buffer, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

async function* bodyOf(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Uint8Array.from(part) // whoever reads it may give it away
}

interface Attempt {
  readonly dest: string
  readonly state: string
  readonly parts: Iterable<Uint8Array>
  readonly limits?: UnpackerOptions['limits']
}

async function unpack({ dest, state, parts, limits = {} }: Attempt): Promise<Progress> {
  await using unpacker = await openUnpacker({ stateDirectory: state, durable: true, limits })
  return await unpacker.unpack(dest, bodyOf(parts), new AbortController().signal)
}

/** A folder, and how to unpack into it. */
function place(t: Test) {
  const dir = t.testdir({ state: {} })
  const dest = join(dir, 'dest')
  const into = (parts: Iterable<Uint8Array>, limits?: UnpackerOptions['limits']) =>
    unpack({ dest, state: join(dir, 'state'), parts, ...(limits === undefined ? {} : { limits }) })
  return { dir, dest, into, all: (bytes: Buffer) => into(pieces(bytes, 50_000)) }
}

/** Kind, permissions, time to the nanosecond, link target and name of everything, as find says it. */
const listing = (directory: string): string =>
  execFileSync('find', ['.', '-mindepth', '1', '-printf', '%y %m %T@ %l %n %P\\n'], {
    cwd: directory,
    encoding: 'latin1',
  })
    .split('\n')
    .toSorted()
    .join('\n')

t.test('F-16 what GNU tar packs comes back to the bit: names, permissions, times, links', async (t) => {
  const { dir, dest, into } = place(t)
  const from = join(dir, 'from')
  mkdirSync(join(from, 'shut', 'x'.repeat(200), 'y'.repeat(200)), { recursive: true })
  writeFileSync(join(from, 'shut', 'x'.repeat(200), 'y'.repeat(200), 'z'.repeat(200)), 'long')
  for (const byte of [0xff, 0xfe]) writeFileSync(Buffer.concat([Buffer.from(`${from}/`), Buffer.from([byte])]), 'raw')
  writeFileSync(join(from, 'ä\n"'), 'odd', { mode: 0o600 })
  writeFileSync(join(from, 'empty'), '')
  writeFileSync(join(from, 'big'), Buffer.alloc(3 * MIB + 17, 'big'))
  symlinkSync('big', join(from, 'link'))
  execFileSync('sh', ['-c', 'ln big hard; chmod 777 empty; chmod 555 shut; touch -d "1969-12-31 23:59:58.25Z" empty'], {
    cwd: from,
  })
  for (const format of ['gnu', 'pax', 'v7', 'ustar']) {
    const packed = join(dir, 'packed')
    const some = format === 'gnu' || format === 'pax' ? ['.'] : ['big', 'hard', 'link', 'ä\n"']
    execFileSync('tar', ['cf', packed, `--format=${format}`, '-C', from, ...some])
    await into(pieces(readFileSync(packed), 65_536))
    if (format === 'pax') t.equal(listing(dest), listing(from), format)
    t.same(readFileSync(join(dest, 'big')), readFileSync(join(from, 'big')), format)
    execFileSync('rm', ['-rf', dest])
  }
})

t.test('times and permissions whatever the umask, and directories that were there keep theirs', async (t) => {
  const { dest, into } = place(t)
  mkdirSync(join(dest, 'old'), { recursive: true, mode: 0o711 })
  const before = statSync(join(dest, 'old')).mode
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  const bytes = archive(
    pax({ mtime: '1000000000.123456789' }),
    member({ name: 'new/', type: '5', mode: 0o775 }),
    member({ name: 'new/file', content: 'x', mode: 0o666 }),
    member({ name: 'between/file', content: 'x' }),
    member({ name: 'old/', type: '5', mode: 0o777 }),
  )
  t.match(await into([bytes]), { files: 2, directories: 2 })
  const mode = (name: string) => (statSync(join(dest, name)).mode & 0o7777).toString(8)
  t.same(['new', 'new/file', 'between'].map(mode), ['775', '666', '755'])
  t.equal(statSync(join(dest, 'new'), { bigint: true }).mtimeNs, 1_000_000_000_123_456_789n)
  t.equal(statSync(join(dest, 'old')).mode, before)
})

t.test('T-04 gzip members and zstd frames one after the other are one archive', async (t) => {
  const { into } = place(t)
  const parts = [member({ name: 'one', content: 'x'.repeat(1000) }), member({ name: 'two', content: 'y' }), END]
  for (const compress of [gzipSync, zstdCompressSync]) {
    const bytes = Buffer.concat(parts.map((part) => compress(part)))
    for (const size of [1, 3, 100, 10_000]) t.match(await into(pieces(bytes, size)), { files: 2, last: 'two' })
  }
  const skipped = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
  t.match(await into([Buffer.concat([skipped, zstdCompressSync(Buffer.concat(parts))])]), { files: 2 })
  t.match(
    await into([Buffer.concat([gzipSync(Buffer.concat(parts)), Buffer.alloc(700)])]),
    { files: 2 },
    'tape padding',
  )
  t.match(await into([END]), { files: 0, directories: 0 }, 'an empty one')
})

t.test('T-04 cut off, followed by something, damaged, or no archive at all', async (t) => {
  const { dest, all } = place(t)
  const bytes = archive(member({ name: 'one', content: 'x' }), member({ name: 'two', content: 'y'.repeat(5000) }))
  await refused(t, all(bytes.subarray(0, 1536)), 'bad_request', /member 2 "two" is cut off|ends without the blocks/)
  await refused(t, all(bytes.subarray(0, 4000)), 'bad_request', /member 2 "two" is cut off.*1 file is extracted.*"one"/)
  await refused(t, all(bytes.subarray(0, 1300)), 'bad_request', /cut off/)
  await refused(t, all(bytes.subarray(0, -1024)), 'bad_request', /without the blocks of zeros/)
  await refused(t, all(bytes.subarray(0, 100)), 'bad_request', /shorter than one header/)
  await refused(t, all(Buffer.concat([bytes, Buffer.from('more')])), 'bad_request', /after its end/)
  for (const compress of [gzipSync, zstdCompressSync]) {
    const packed = compress(bytes)
    await refused(t, all(packed.subarray(0, -5)), 'bad_request', /compressed archive is (cut off|damaged)/)
    await refused(t, all(packed.subarray(0, 12)), 'bad_request', /cut off/)
    await refused(t, all(Buffer.concat([packed, Buffer.from('garbage')])), 'bad_request', /damaged|followed/)
    const damaged = Buffer.from(packed).fill(0x55, 20, 40)
    await refused(t, all(damaged), 'bad_request', /damaged|checksum|cut off|no tar archive/)
    await refused(t, all(compress(Buffer.from('no tar'.repeat(1000)))), 'bad_request', /no tar archive/)
  }
  await refused(t, all(Buffer.from('PK\x03\x04'.repeat(1000))), 'bad_request', /no tar archive/)
  await refused(t, all(Buffer.alloc(0)), 'bad_request', /empty/)
  t.same(readdirSync(dest).toSorted(), ['one', 'two'], 'what came whole, and nothing half done')
})

t.test('T-03 10 MiB that would be 10 GiB', async (t) => {
  const { dest, into } = place(t)
  const start = header({ name: 'bomb', patch: [[124, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0])]] })
  for (const compress of [gzipSync, zstdCompressSync]) {
    const zeros = compress(Buffer.alloc(10 * MIB))
    const parts = [compress(start), ...Array<Buffer>(1024).fill(zeros)]
    await refused(t, into(parts), 'payload_too_large', /more than 1000 times its size/)
  }
  t.same(readdirSync(dest), [])
})

t.test('T-03 one member too many, one header too many', async (t) => {
  const { into } = place(t)
  const empty = Array.from({ length: 101 }, (_, index) => header({ name: `f${index}` }))
  await refused(
    t,
    into([archive(...empty)], { members: 100 }),
    'payload_too_large',
    /member 101 .*100 members.*100 files are/,
  )
})

t.test('T-03 a part of the disk stays free', { skip: NO_MOUNTS }, async (t) => {
  const place = ground(t)
  const disk = tmpfs(place, 'size=64m')
  const state = join(place.dir, 'state')
  mkdirSync(state)
  const big = (size: number) =>
    archive(member({ name: 'fits', content: 'x' }), member({ name: 'big', content: Buffer.alloc(size) }))
  const attempt = (bytes: Buffer, limits = {}) =>
    unpack({ dest: join(disk, 'd'), state, parts: pieces(bytes, 65_536), limits })
  await refused(t, attempt(big(50 * MIB)), 'insufficient_storage', /member 2 "big" needs .* are kept free; 1 file is/)
  t.match(await attempt(big(40 * MIB)), { files: 2 })
  const none = { freeShare: -10, freeBytes: -1024 * MIB }
  await refused(t, attempt(big(63 * MIB), none), 'insufficient_storage', /no space is left; 1 file|no space is left/)
  t.same(readdirSync(join(disk, 'd')).toSorted(), ['big', 'fits'])
  t.equal(statSync(join(disk, 'd/big')).size, 40 * MIB, 'the old one is whole')
})

const SWAPPER = `
const { renameSync, symlinkSync, unlinkSync } = require('node:fs')
process.chdir(process.argv[1])
process.send('swapping')
for (;;) {
  try {
    renameSync('way', 'aside'); symlinkSync('../outside', 'way'); unlinkSync('way'); renameSync('aside', 'way')
  } catch { try { renameSync('aside', 'way') } catch {} }
}`

t.test('F-15 a parent that is swapped for a link meanwhile leads nowhere', async (t) => {
  const { dir, dest, into } = place(t)
  mkdirSync(join(dest, 'way'), { recursive: true })
  mkdirSync(join(dir, 'outside'))
  const swapper = spawn(process.execPath, ['-e', SWAPPER, dest], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  t.teardown(() => swapper.kill('SIGKILL'))
  await once(swapper, 'message')
  // Every second member lies elsewhere, so that the way is gone anew each time.
  const members = Array.from({ length: 600 }, (_, index) =>
    member({ name: `${index % 2 ? 'way' : 'other'}/f${index}`, content: 'x' }),
  )
  let arrived = 0
  for (let round = 0; round < 6; round++) {
    try {
      arrived += (await into([archive(...members)])).files
    } catch {
      arrived++ // it met the link, or nothing: refused
    }
  }
  t.ok(arrived > 0)
  swapper.kill('SIGKILL')
  t.same(readdirSync(join(dir, 'outside')), [])
})

t.test('an upload that is given up takes back what is half done', async (t) => {
  const { dir, dest } = place(t)
  await using unpacker = await openUnpacker({ stateDirectory: join(dir, 'state'), durable: true })
  const leaving = new AbortController()
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.from(member({ name: 'whole', content: 'x' }))
    yield Uint8Array.from(header({ name: 'half', size: 64 * MIB }))
    for (;;) {
      yield new Uint8Array(65_536)
      if (existsSync(dest) && readdirSync(dest).some((name) => name.startsWith('.half.'))) break
      await new Promise((resolve) => setImmediate(resolve))
    }
    leaving.abort(new Error('left'))
    await new Promise(() => undefined)
  }
  await t.rejects(unpacker.unpack(dest, endless(), leaving.signal), { message: 'left' })
  t.same(readdirSync(dest), ['whole'])
  t.same(readdirSync(join(dir, 'state')), [])
})

t.test('the sweep removes what a note says, if it is that and has a name of ours', async (t) => {
  const name = (of: string) => `.${of}.0123456789abcdef~`
  const dir = t.testdir({
    state: {},
    work: { [name('file')]: 'x', [name('kept')]: 'x', precious: 'x', [name('dir')]: {} },
  })
  const work = (of: string) => join(dir, 'work', of)
  symlinkSync('precious', work(name('link')))
  symlinkSync('precious', work(name('noted-as-file')))
  const note = (kind: string, of: string) => `${kind}${JSON.stringify(work(of))}\n`
  const notes = [
    note('f', name('file')),
    note('l', name('link')),
    note('f', name('noted-as-file')),
    note('l', name('kept')),
    note('f', name('dir')),
    note('f', 'precious'),
    note('x', name('kept')),
  ].join('')
  writeFileSync(join(dir, 'state/unpack-0-999999999-1-1.journal'), `${notes}f"/torn`)
  await openUnpackJournals(join(dir, 'state'))
  t.same(readdirSync(join(dir, 'work')).toSorted(), [name('dir'), name('kept'), name('noted-as-file'), 'precious'])
  t.same(readdirSync(join(dir, 'state')), [])
  t.same(notesOf('f"\\u00ff"\nl"x'), [{ kind: 'f', path: Buffer.from([0xff]) }], 'bytes, and whole lines alone')
})
