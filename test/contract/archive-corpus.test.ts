// Archives that try to leave the destination, to make devices and the like, or to mean two things at once (T-01
// and T-02), each sent to the daemon: refused by name, and not one byte outside the destination, whose
// surroundings are compared entry by entry. Replay of the fuzzed ones with FUZZ_SEED (H-15).

import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { archive, gnuLong, header, member, pax, record, type RawHeader } from '../support/tar-writer.ts'

let daemon: Daemon
let ground: string
let dest: string

t.before(async () => {
  daemon = await startDaemon(t)
  ground = join(daemon.directory, 'ground')
  dest = join(ground, 'dest')
  mkdirSync(join(dest, 'sub/deep'), { recursive: true })
  mkdirSync(join(ground, 'outside'))
  writeFileSync(join(ground, 'outside/secret'), 'secret')
  writeFileSync(join(dest, 'kept'), 'kept')
  symlinkSync('../outside', join(dest, 'out'))
  symlinkSync(join(ground, 'outside'), join(dest, 'out-absolute'))
  symlinkSync('out', join(dest, 'out-twice'))
  symlinkSync('sub/deep', join(dest, 'in'))
  symlinkSync(join(dest, 'sub'), join(dest, 'in-absolute'))
  symlinkSync('loop', join(dest, 'loop'))
})

/** Every entry below a directory, links not followed: kind, permissions, time, what it says or holds. */
function account(directory: string, except?: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    if (name === except) return []
    const path = join(directory, name)
    const stats = lstatSync(path)
    const holds = stats.isSymbolicLink() ? readlinkSync(path) : stats.isFile() ? readFileSync(path, 'latin1') : ''
    const below = stats.isDirectory() ? account(path) : []
    return [`${path} ${stats.mode.toString(8)} ${stats.nlink} ${stats.mtimeMs} ${holds}`, ...below]
  })
}

const upload = (bytes: Buffer, to = dest) =>
  daemon.call('POST', `/files/transfer/upload?dest=${encodeURIComponent(to)}`, bytes, {
    'content-type': 'application/gzip',
  })

interface Trick {
  readonly name: string
  readonly parts: readonly Buffer[]
  readonly says: RegExp
  readonly status?: number
  /** The member that is named; undefined: none can be. */
  readonly member?: string
}

const one = (raw: RawHeader): Buffer => member({ content: raw.type === undefined ? 'x' : '', ...raw })
const file = (name: string | Buffer): Buffer => member({ name, content: 'x' })
const link = (name: string, linkName: string): Buffer => member({ name, type: '2', linkName })
const hard = (name: string, linkName: string): Buffer => member({ name, type: '1', linkName })

/** A number as GNU writes what octal has no room for. */
function binary(value: bigint): Buffer {
  const field = Buffer.alloc(12, value < 0n ? 0xff : 0)
  field.writeBigInt64BE(value, 4)
  if (value >= 0n) field[0] = 0x80
  return field
}

const names: readonly Trick[] = [
  { name: 'absolute', parts: [file('/tmp/x')], says: /absolute/, member: '/tmp/x' },
  { name: 'absolute, doubled', parts: [file('//tmp/x')], says: /absolute/ },
  { name: '.. first', parts: [file('../x')], says: /"\.\."/, member: '../x' },
  { name: '.. inside', parts: [file('sub/../../x')], says: /"\.\."/ },
  { name: '.. that stays inside', parts: [file('sub/../x')], says: /"\.\."/ },
  { name: '.. last', parts: [file('sub/..')], says: /"\.\."/ },
  { name: '.. of a directory', parts: [one({ name: '../', type: '5' })], says: /"\.\."/ },
  { name: '.. in the prefix', parts: [one({ name: 'x', prefix: '..' })], says: /"\.\."/ },
  { name: 'absolute by the prefix', parts: [one({ name: 'x', prefix: '/tmp' })], says: /absolute/ },
  { name: 'a drive', parts: [file('C:/x')], says: /drive/ },
  { name: 'a drive with a backslash', parts: [file('c:\\x')], says: /drive/ },
  { name: 'relative to a drive', parts: [file('c:../x')], says: /drive/ },
  { name: 'no name', parts: [one({ name: '' })], says: /has no name/ },
  { name: 'dest itself as a file', parts: [member({ name: './' })], says: /./, status: 200 },
  { name: 'dest itself as a link', parts: [link('.', 'sub')], says: /dest itself/ },
  { name: 'a part of 256 bytes', parts: [gnuLong('L', 'x'.repeat(256)), file('x')], says: /255 bytes/ },
  { name: 'a name of 4,097 bytes', parts: [gnuLong('L', 'xyz/'.repeat(1024) + 'x'), file('x')], says: /deep|4095/ },
  { name: '1,025 levels', parts: [gnuLong('L', 'x/'.repeat(1025)), file('x')], says: /1025 levels/ },
  { name: 'GNU: absolute', parts: [gnuLong('L', '/tmp/x'), file('x')], says: /absolute/ },
  { name: 'GNU: NUL', parts: [gnuLong('L', 'a\0/../x'), file('x')], says: /NUL/ },
  { name: 'PAX: ..', parts: [pax({ path: '../x' }), file('x')], says: /"\.\."/, member: '../x' },
  { name: 'PAX: absolute', parts: [pax({ path: '/tmp/x' }), file('x')], says: /absolute/ },
  { name: 'PAX: NUL in the path', parts: [pax({ path: 'x\0/../../y' }), file('x')], says: /NUL/ },
  { name: 'PAX: NUL in the target', parts: [pax({ linkpath: 'x\0y' }), link('x', 'kept')], says: /NUL/ },
  { name: 'PAX: a path for all', parts: [pax({ path: 'x' }, 'g'), file('x')], says: /global/ },
  { name: 'PAX: a size for all', parts: [pax({ size: '1' }, 'g'), file('x')], says: /global/ },
  { name: 'PAX and GNU', parts: [gnuLong('L', 'x'), pax({ path: 'y' }), file('z')], says: /named twice/ },
  { name: 'PAX: two paths', parts: [pax({ path: 'x' }), pax({ path: 'y' }), file('z')], says: /named twice/ },
]

const links: readonly Trick[] = [
  { name: 'to outside', parts: [link('l', '../outside')], says: /leads out of dest/, member: 'l' },
  { name: 'absolute to outside', parts: [link('l', '/etc/passwd')], says: /leads out of dest/ },
  { name: 'absolute, beside dest', parts: [link('l', '/')], says: /leads out of dest/ },
  { name: 'to outside from below', parts: [link('sub/deep/l', '../../../outside')], says: /leads out of dest/ },
  { name: 'then a file through it', parts: [link('l', '..'), file('l/x')], says: /leads out of dest/, member: 'l' },
  { name: 'through one in dest', parts: [link('l', 'out/secret')], says: /leads out of dest/ },
  { name: 'through an absolute one in dest', parts: [link('l', 'out-absolute/secret')], says: /leads out of dest/ },
  { name: 'back behind one in dest', parts: [link('l', 'in/../../../outside')], says: /which is no directory/ },
  { name: 'back behind what is not there yet', parts: [link('l', 'no/../x'), link('no', '.')], says: /no directory/ },
  {
    name: 'a chain',
    parts: [link('a', '.'), link('a/b', 'a'), link('a/b/c', '../outside')],
    says: /leads out of dest/,
    member: 'a/b/c',
  },
  { name: 'PAX: its target', parts: [pax({ linkpath: '../outside' }), link('l', 'kept')], says: /leads out of dest/ },
  { name: 'GNU: its target', parts: [gnuLong('K', '../outside'), link('l', 'kept')], says: /leads out of dest/ },
  { name: 'no target', parts: [link('l', '')], says: /without a target/ },
  { name: 'with content', parts: [member({ name: 'l', type: '2', linkName: 'x', content: 'y' })], says: /content/ },
  { name: 'a file through one in dest', parts: [file('out/x')], says: /leads out of dest through the link/ },
  { name: 'a file through two in dest', parts: [file('out-twice/x')], says: /leads out of dest through/ },
  { name: 'a file through an absolute one', parts: [file('out-absolute/x')], says: /leads out of dest through/ },
  { name: 'a directory through one in dest', parts: [one({ name: 'out/d/', type: '5' })], says: /leads out of dest/ },
  { name: 'through a loop', parts: [file('loop/x')], says: /loop/ },
  { name: 'hard: ..', parts: [hard('h', '../outside/secret')], says: /"\.\."/, member: 'h' },
  { name: 'hard: .. from its place', parts: [hard('sub/h', '../kept')], says: /"\.\."/ },
  { name: 'hard: absolute', parts: [hard('h', '/etc/passwd')], says: /absolute/ },
  { name: 'hard: through a link', parts: [hard('h', 'out/secret')], says: /leads out of dest/ },
  {
    name: 'hard: to a link',
    parts: [link('sub/deep/l', '../../kept'), hard('h', 'sub/deep/l')],
    says: /symbolic link/,
  },
  { name: 'hard: to a link that leads out', parts: [hard('h', 'out')], says: /symbolic link/ },
  { name: 'hard: to a directory', parts: [hard('h', 'sub')], says: /no file/ },
  { name: 'hard: to nothing', parts: [hard('h', 'nothing')], says: /does not exist/ },
  { name: 'hard: without a target', parts: [hard('h', '')], says: /has no name/ },
  {
    name: 'hard: with content',
    parts: [member({ name: 'h', type: '1', linkName: 'kept', content: 'y' })],
    says: /content/,
  },
  { name: 'hard: PAX target', parts: [pax({ linkpath: '../outside/secret' }), hard('h', 'kept')], says: /"\.\."/ },
]

const special: readonly Trick[] = [
  { name: 'character device', parts: [one({ type: '3' })], says: /character device/, member: 'file' },
  { name: 'block device', parts: [one({ type: '4' })], says: /block device/ },
  { name: 'FIFO', parts: [one({ type: '6' })], says: /FIFO/ },
  { name: 'socket', parts: [one({ type: 's' })], says: /socket/ },
  { name: 'sparse, GNU', parts: [one({ type: 'S', magic: 'ustar  \0' })], says: /sparse/ },
  { name: 'sparse, PAX', parts: [pax({ 'GNU.sparse.major': '1' }), file('x')], says: /sparse/ },
  { name: 'another volume', parts: [one({ type: 'M' })], says: /volume/ },
  { name: 'an unknown type', parts: [one({ type: 'Z' })], says: /type "Z"/ },
  { name: 'a file over a directory', parts: [file('sub')], says: /directory/, status: 409 },
  { name: 'a link over a directory', parts: [link('sub', 'kept')], says: /directory/, status: 409 },
  { name: 'a directory over a file', parts: [one({ name: 'kept/', type: '5' })], says: /that is a file/, status: 409 },
  { name: 'a file below a file', parts: [file('kept/x')], says: /that is a file/, status: 409 },
]

const numbers: readonly Trick[] = [
  { name: 'negative size', parts: [one({ patch: [[124, binary(-1n)]] })], says: /negative size/ },
  { name: 'octal negative size', parts: [one({ patch: [[124, '-0000000001\0']] })], says: /octal/ },
  { name: 'a size beyond counting', parts: [one({ patch: [[124, binary(2n ** 62n)]] })], says: /out of range/ },
  { name: 'a size beyond the disk', parts: [one({ patch: [[124, binary(2n ** 50n)]] })], says: /free/, status: 507 },
  { name: 'a size that is no number', parts: [one({ patch: [[124, '0x123\0']] })], says: /octal/ },
  { name: 'PAX: a negative size', parts: [pax({ size: '-1' }), file('x')], says: /size "-1"/ },
  { name: 'PAX: a size that is no number', parts: [pax({ size: '1e3' }), file('x')], says: /size "1e3"/ },
  { name: 'PAX: a size beyond the content', parts: [pax({ size: '99999' }), file('x')], says: /cut off/ },
  { name: 'PAX: a time that is none', parts: [pax({ mtime: 'now' }), file('x')], says: /time "now"/ },
  { name: 'PAX: too long a record', parts: [paxOf(Buffer.from('99 path=../x\n')), file('x')], says: /cannot be read/ },
  { name: 'PAX: too short a record', parts: [paxOf(Buffer.from('9 path=../x\n')), file('x')], says: /cannot be read/ },
  { name: 'PAX: no record', parts: [paxOf(Buffer.from('hello')), file('x')], says: /cannot be read/ },
  {
    name: 'PAX: a record inside another',
    parts: [paxOf(record('comment', record('path', '../x'))), file('fine')],
    says: /./,
    status: 200,
  },
  {
    name: 'too many headers',
    parts: [...Array<Buffer>(17).fill(pax({ comment: 'x' })), file('x')],
    says: /16 headers/,
  },
  { name: 'too long a header', parts: [header({ type: 'x', size: 2 ** 21 })], says: /1048576/ },
  {
    name: 'a wrong checksum',
    parts: [file('fine'), one({ checksum: 1 })],
    says: /member 2 has a header whose checksum/,
  },
  { name: 'something behind the end', parts: [Buffer.alloc(1024), file('x')], says: /after its end/ },
  { name: 'something behind half an end', parts: [Buffer.alloc(512), file('x')], says: /after its end/ },
]

function paxOf(content: Buffer): Buffer {
  return member({ name: 'PaxHeaders/x', type: 'x', content })
}

async function refuseAll(t: Test, tricks: readonly Trick[]): Promise<void> {
  const before = account(ground, 'dest')
  for (const { name, parts, says, status = 400, member: named } of tricks) {
    const { body, status: got } = await upload(archive(...parts))
    if (got !== status || !says.test(got === 200 ? 'fine' : body.error)) {
      t.fail(name, { got, body, wanted: `${status} ${says}` })
    } else t.pass(name)
    if (named !== undefined) t.equal(body.details?.member, named, `${name}: the member is named`)
    t.same(account(ground, 'dest'), before, `${name}: nothing outside has changed`)
    t.same(
      account(dest).filter((entry) => /~ /.test(entry)),
      [],
      `${name}: nothing half done is left`,
    )
  }
  t.equal(readFileSync(join(dest, 'kept'), 'utf8'), 'kept')
}

t.test('T-01 names', (t) => refuseAll(t, names))
t.test('T-01 links', (t) => refuseAll(t, links))
t.test('T-01 numbers and headers', (t) => refuseAll(t, numbers))
t.test('T-02 what is neither file, directory nor link', (t) => refuseAll(t, special))

t.test('T-01 a size for the next member is not one for the header between', async (t) => {
  const smuggled = padTo(512, header({ name: '../smuggled', size: 0 }))
  const reply = await upload(
    archive(pax({ size: '512' }), gnuLong('L', 'long-name'), member({ name: 'short', content: smuggled })),
  )
  t.equal(reply.body.files_extracted, 1)
  t.same(readFileSync(join(dest, 'long-name')), smuggled, 'it is content')
})

function padTo(bytes: number, block: Buffer): Buffer {
  return Buffer.concat([block, Buffer.alloc(bytes - block.byteLength)])
}

t.test('T-01 two normal forms of one name are two files', async (t) => {
  const reply = await upload(archive(link('caf\u00e9', 'kept'), member({ name: 'cafe\u0301/x', content: 'x' })))
  t.equal(reply.body.files_extracted, 2)
  t.ok(lstatSync(join(dest, 'caf\u00e9')).isSymbolicLink())
  t.ok(lstatSync(join(dest, 'cafe\u0301')).isDirectory())
})

t.test('links in dest are followed inside it, and links that stay inside are made', async (t) => {
  const to = join(dest, 'sub')
  const { body } = await upload(
    archive(
      file('in/a'),
      file('in-absolute/b'),
      link('sub/l1', '../kept'),
      link('sub/deep/l2', '../../in/a'),
      link('l3', join(dest, 'kept')),
      link('l4', 'not/there'),
      link('l5', 'sub/../kept'),
      hard('h', 'in/a'),
    ),
  )
  t.match(body, { success: true, dest, files_extracted: 8, directories: 0, bytes: 2 })
  t.equal(readFileSync(join(to, 'deep/a'), 'utf8'), 'x')
  t.equal(readFileSync(join(to, 'b'), 'utf8'), 'x')
  t.equal(readFileSync(join(to, 'l1'), 'utf8'), 'kept')
  t.equal(readlinkSync(join(dest, 'l4')), 'not/there')
  t.equal(lstatSync(join(dest, 'h')).ino, lstatSync(join(to, 'deep/a')).ino)
  t.ok(lstatSync(join(dest, 'in')).isSymbolicLink(), 'the link itself stays')
})

t.test('a member replaces the link that has its name, and not what the link leads to', async (t) => {
  symlinkSync('../outside/secret', join(dest, 'replaced'))
  t.equal((await upload(archive(file('replaced')))).status, 200)
  t.ok(lstatSync(join(dest, 'replaced')).isFile())
  t.equal(readFileSync(join(ground, 'outside/secret'), 'utf8'), 'secret')
})

t.test('T-02 set-id bits are dropped, owners are the daemon’s', async (t) => {
  await upload(archive(one({ name: 'run', mode: 0o6755 }), one({ name: 'sticky/', type: '5', mode: 0o7777 })))
  const run = lstatSync(join(dest, 'run'))
  t.equal((run.mode & 0o7777).toString(8), '755')
  t.equal(run.uid, process.getuid?.())
  t.equal((lstatSync(join(dest, 'sticky')).mode & 0o7777).toString(8), '1777')
})

t.test('what was complete before the refusal stays and is told', async (t) => {
  const { body } = await upload(
    zstdCompressSync(archive(file('first'), file('second'), file('../third'), file('fourth'))),
  )
  t.match(body, {
    success: false,
    code: 'bad_request',
    error: /^member 3 "\.\.\/third" has ".*; 2 files are extracted completely, the last is "second"$/,
    details: { member: '../third', index: 3, files_extracted: 2, last_extracted: 'second' },
  })
  t.equal(readFileSync(join(dest, 'second'), 'utf8'), 'x')
  t.notOk(readdirSync(dest).includes('fourth'))
})
