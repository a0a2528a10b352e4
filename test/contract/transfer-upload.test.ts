// Uploading through the daemon: npm oblien with bytes and with streams, a file as it is, a client that goes in
// the middle, and a daemon that is killed there (protocol.md#archives; T-05).

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  symlinkSync,
  readlinkSync,
} from 'node:fs'
import { request, type ClientRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { Runtime } from 'oblien/runtime'
import t, { type Test } from 'tap'
import { type Daemon, startDaemon, TOKEN } from '../support/daemon.ts'
import { archive, header, member } from '../support/tar-writer.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

const bytes = archive(
  member({ name: './', type: '5' }),
  member({ name: './app/', type: '5' }),
  member({ name: './app/a.txt', content: 'α' }),
  member({ name: 'b.bin', content: Buffer.alloc(300_000, 'b') }),
)

/** Into `dest` below the daemon's directory. */
const upload = (daemon: Daemon, dest: string, packed: Uint8Array) =>
  daemon.call('POST', `/files/transfer/upload?dest=${join(daemon.directory, dest)}`, packed)

/** A directory that outlives its daemon. */
function folder(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'upload-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

t.test('npm oblien: bytes and streams, gzip, zstd and plain, into a directory that is made', async (t) => {
  const daemon = await startDaemon(t)
  const rt = new Runtime({ token: TOKEN, baseUrl: daemon.url })
  const dest = join(folder(t), 'made/for/it')
  const expected = { success: true, dest, files_extracted: 2, directories: 1, bytes: 300_002 }
  for (const packed of [gzipSync(bytes), zstdCompressSync(bytes), bytes]) {
    t.match(await rt.transfer.upload({ body: packed, dest }), expected)
    t.equal(readFileSync(join(dest, 'app/a.txt'), 'utf8'), 'α')
    rmSync(dest, { recursive: true })
    t.match(await rt.transfer.upload({ body: new Blob([packed]).stream(), dest }), expected, 'as a stream')
    t.equal(readFileSync(join(dest, 'b.bin')).byteLength, 300_000)
  }
  await t.rejects(rt.transfer.upload({ body: Buffer.from('no archive'), dest }), { status: 400, code: 'bad_request' })
  t.match(await daemon.call('POST', `/files/transfer/upload?dest=${dest}`), { status: 400, body: { error: /empty/ } })
  const raw = await daemon.call('POST', `/files/transfer/upload?format=raw&dest=${dest}/new/file`, 'no archive')
  t.match(raw, { status: 200, body: { files_extracted: 1, bytes: 10 } })
  t.equal(readFileSync(join(dest, 'new/file'), 'utf8'), 'no archive')
  const onFile = await daemon.call('POST', `/files/transfer/upload?dest=${dest}/new/file`, bytes)
  t.match(onFile, { status: 409, body: { error: /not a directory/ } })
})

t.test('hard links to symbolic links are what GNU tar makes of them', async (t) => {
  const daemon = await startDaemon(t)
  const from = join(daemon.directory, 'from')
  mkdirSync(join(from, 't/sub'), { recursive: true })
  writeFileSync(join(from, 't/f'), 'x')
  const links = 'ln -s f s; ln -P s s2; ln -P s sub/s3; ln -s nowhere d; ln -P d d2'
  execFileSync('sh', ['-c', links], { cwd: join(from, 't') })
  const packed = execFileSync('tar', ['-czf', '-', 't'], { cwd: from })
  for (const round of ['made', 'replaced']) {
    const { status, body } = await upload(daemon, 'out', packed)
    t.match({ status, body }, { status: 200, body: { files_extracted: 6 } }, round)
    execFileSync('diff', ['-r', '--no-dereference', join(from, 't'), join(daemon.directory, 'out/t')])
    const inode = (name: string) => lstatSync(join(daemon.directory, 'out/t', name)).ino
    for (const [one, other] of [
      ['s', 's2'],
      ['s', 'sub/s3'],
      ['d', 'd2'],
    ] as const) {
      t.equal(inode(one), inode(other), `${round}: ${other} is another name of ${one}`)
    }
  }
  t.same(
    readdirSync(join(daemon.directory, 'out/t')).filter((name) => name.endsWith('~')),
    [],
  )
  // A link that stays inside where it stands, and would lead out from its new place.
  const parts = [
    member({ name: 'sub/deep/l', type: '2', linkName: '../../f' }),
    member({ name: 'l', type: '1', linkName: 'sub/deep/l' }),
  ]
  const refused = await upload(daemon, 'other', archive(member({ name: 'f' }), ...parts))
  t.match(refused, { status: 400, body: { error: /hard link to the symbolic link .* leads out of dest/ } })
})

t.test('an archive of directories alone is fine', async (t) => {
  const daemon = await startDaemon(t)
  const dest = join(folder(t), 'x')
  const reply = await daemon.call(
    'POST',
    `/files/transfer/upload?dest=${dest}`,
    archive(member({ name: 'd/', type: '5' })),
  )
  t.match(reply, { status: 200, body: { files_extracted: 0, directories: 1 } })
})

t.test('a symbolic link says any text, also one that no name could be', async (t) => {
  const daemon = await startDaemon(t)
  const from = join(daemon.directory, 'from')
  mkdirSync(join(from, 't'), { recursive: true })
  const texts = { name: 'l'.repeat(300), way: `sub/${'m'.repeat(256)}/x` }
  for (const [name, text] of Object.entries(texts)) symlinkSync(text, join(from, 't', name))
  const download = await daemon.call('POST', '/files/transfer/download', { paths: [join(from, 't')] })
  t.equal(download.status, 200)
  const { status, body } = await upload(daemon, 'out', execFileSync('tar', ['-czf', '-', 't'], { cwd: from }))
  t.match({ status, body }, { status: 200, body: { files_extracted: 2 } })
  for (const [name, text] of Object.entries(texts)) {
    t.equal(readlinkSync(join(daemon.directory, 'out/t', name)), text)
  }
  const back = archive(member({ name: 'l', type: '2', linkName: `${'n'.repeat(60)}/../../f` }))
  t.match(await upload(daemon, 'back', back), { status: 400 }, 'it still leads back from no directory')
})

/** Sends the first half of a file that replaces `old`, and resolves when that half is being written. */
async function half(daemon: Daemon, dest: string): Promise<ClientRequest> {
  mkdirSync(dest, { recursive: true })
  writeFileSync(join(dest, 'old'), 'old content')
  const path = `/files/transfer/upload?dest=${encodeURIComponent(dest)}`
  const headers = { authorization: `Bearer ${TOKEN}` }
  const upload = request({ port: daemon.port, host: '127.0.0.1', method: 'POST', path, headers })
  upload.on('error', () => undefined)
  upload.write(member({ name: 'first', content: 'x' }))
  upload.write(header({ name: 'old', size: 8 * MIB }))
  upload.write(Buffer.alloc(4 * MIB, 'new'))
  await until('half of it is there', () => readdirSync(dest).some((name) => name.startsWith('.old.')))
  return upload
}

t.test('T-05 the client goes in the middle: nothing half done within 5 s', async (t) => {
  const daemon = await startDaemon(t)
  const dest = folder(t)
  const upload = await half(daemon, dest)
  upload.socket?.resetAndDestroy()
  await until('the temporary file is gone', () => readdirSync(dest).every((name) => !name.endsWith('~')))
  t.same(readdirSync(dest).toSorted(), ['first', 'old'])
  t.equal(readFileSync(join(dest, 'old'), 'utf8'), 'old content')
  t.equal((await daemon.call('GET', '/health')).status, 200)
})

t.test('T-05 the daemon is killed in the middle: the next one cleans up', async (t) => {
  const state = folder(t)
  const dest = folder(t)
  const env = { XDG_STATE_HOME: state }
  const first = await startDaemon(t, { env })
  const upload = await half(first, dest)
  t.equal(await first.stop('SIGKILL'), 'SIGKILL')
  await until('the connection is gone', () => upload.destroyed)
  t.equal(readFileSync(join(dest, 'old'), 'utf8'), 'old content')
  t.ok(
    readdirSync(dest).some((name) => name.endsWith('~')),
    'it had no time to',
  )
  await startDaemon(t, { env })
  t.same(readdirSync(dest).toSorted(), ['first', 'old'])
  t.notOk(existsSync(join(state, 'workspace-runtime')) && unpackJournals(join(state, 'workspace-runtime')) > 0)
})

const unpackJournals = (directory: string): number =>
  readdirSync(directory).filter((name) => name.startsWith('unpack-')).length
