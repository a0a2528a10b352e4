// Archives over the wire: npm oblien takes a tree out and puts it into another folder, where it is the same; the
// form follows the request; refusals are JSON; what could not be taken along is in the trailer.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import { Runtime } from 'oblien/runtime'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

let daemon: Daemon
let rt: Runtime
let root: string

t.before(async () => {
  daemon = await startDaemon(t)
  rt = new Runtime({ token: TOKEN, baseUrl: daemon.url })
  root = join(daemon.directory, 'tree')
  makeTree(join(root, 'app'))
})

function makeTree(app: string): void {
  mkdirSync(join(app, 'src/deep'), { recursive: true })
  writeFileSync(join(app, 'src/main.js'), 'console.log(1)\n')
  chmodSync(join(app, 'src/main.js'), 0o751)
  writeFileSync(join(app, 'src/empty'), '')
  chmodSync(join(app, 'src/empty'), 0o400)
  utimesSync(join(app, 'src/empty'), 1, 1_234_567.5)
  writeFileSync(join(app, 'large'), Buffer.alloc(3_000_001, 'large '))
  linkSync(join(app, 'large'), join(app, 'src/twin'))
  symlinkSync('../large', join(app, 'src/link'))
  symlinkSync('nowhere', join(app, 'dangling'))
  writeFileSync(join(app, 'über α\n2.txt'), 'letters')
  writeFileSync(join(app, `${'n'.repeat(200)}.txt`), 'long')
  writeFileSync(Buffer.concat([Buffer.from(`${app}/`), Buffer.from([0x66, 0xff, 0xfe])]), 'F-16')
  mkdirSync(join(app, 'd'.repeat(150), 'e'.repeat(150)), { recursive: true })
  writeFileSync(join(app, 'd'.repeat(150), 'e'.repeat(150), 'f'), 'far')
  mkdirSync(join(app, 'closed'), { mode: 0o500 })
  utimesSync(join(app, 'closed'), 5, 6)
  mkdirSync(join(app, 'node_modules'))
  writeFileSync(join(app, 'node_modules/x'), 'left out')
}

/** A line for each thing below: its name's bytes, mode, time to the microsecond, names, and content or target. */
function tree(root: string, at = Buffer.from(root)): string[] {
  return readdirSync(at, { encoding: 'buffer' })
    .toSorted((a, b) => Buffer.compare(a, b))
    .filter((name) => name.toString() !== 'node_modules')
    .flatMap((name) => {
      const path = Buffer.concat([at, Buffer.from('/'), name])
      const stats = lstatSync(path, { bigint: true })
      const shown = path.toString('latin1').slice(root.length)
      const facts = `${shown} ${(stats.mode & 0o777n).toString(8)} ${Math.round(Number(stats.mtimeNs / 1000n) / 10)}`
      if (stats.isDirectory()) return [facts, ...tree(root, path)]
      if (stats.isSymbolicLink()) return [`${shown} -> ${readlinkSync(path, 'latin1')}`]
      return [`${facts} ${stats.nlink} ${readFileSync(path).toString('base64').slice(0, 100)} ${stats.size}`]
    })
}

const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer())

t.test('npm oblien: download, then upload into another folder, gives the same tree', async (t) => {
  const response = await rt.transfer.download({ paths: [join(root, 'app')], excludePatterns: ['node_modules'] })
  t.equal(response.headers.get('content-type'), 'application/gzip')
  t.equal(response.headers.get('content-encoding'), null)
  t.equal(response.headers.get('content-disposition'), 'attachment; filename="app.tar.gz"')
  const bytes = await bytesOf(response)
  t.strictSame([...bytes.subarray(0, 2)], [0x1f, 0x8b])
  const dest = join(daemon.directory, 'copy')
  const { files_extracted } = await rt.transfer.upload({ body: new Uint8Array(bytes), dest })
  t.equal(files_extracted, 10)
  t.notOk(readdirSync(join(dest, 'app')).includes('node_modules'))
  t.strictSame(tree(dest), tree(root))
})

function open(body: object, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request(`${daemon.url}/files/transfer/download`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
  })
    .on('response', resolve)
    .on('error', reject)
    .end(JSON.stringify(body))
  return promise
}

async function whole(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const USTAR = (bytes: Buffer): string => bytes.toString('latin1', 257, 262)

t.test('the form: format, else Accept, else Accept-Encoding, else gzip', async (t) => {
  const body = { paths: [join(root, 'app/src')] }
  const cases: readonly [object, Record<string, string>, string][] = [
    [{}, {}, 'application/gzip'],
    [{}, { 'accept-encoding': 'identity' }, 'application/gzip'],
    [{}, { 'accept-encoding': 'gzip, deflate, br, zstd' }, 'application/gzip'],
    [{}, { 'accept-encoding': 'zstd' }, 'application/zstd'],
    [{}, { 'accept-encoding': 'zstd, gzip;q=0' }, 'application/zstd'],
    [{}, { accept: 'application/gzip', 'accept-encoding': 'zstd' }, 'application/gzip'],
    [{}, { accept: 'application/gzip;q=0.5, application/x-tar' }, 'application/x-tar'],
    [{}, { accept: 'application/zstd, */*;q=0.1' }, 'application/zstd'],
    [{ format: 'tar' }, { accept: 'application/zstd' }, 'application/x-tar'],
  ]
  for (const [more, headers, type] of cases) {
    const response = await open({ ...body, ...more }, headers)
    const bytes = await whole(response)
    t.equal(response.headers['content-type'], type, `${JSON.stringify(more)} ${JSON.stringify(headers)}`)
    t.equal(response.headers['content-encoding'], undefined)
    if (type === 'application/x-tar') t.equal(USTAR(bytes), 'ustar')
    if (type === 'application/zstd') t.equal(USTAR(zstdDecompressSync(bytes)), 'ustar')
  }
})

t.test('T-08 a name of any characters is one header line', async (t) => {
  const path = join(daemon.directory, 'a"b\r\nx-evil: 1 ü')
  mkdirSync(path)
  const response = await open({ paths: [path] })
  response.resume()
  t.equal(
    response.headers['content-disposition'],
    `attachment; filename="a_b__x-evil: 1 _.tar.gz"; filename*=UTF-8''a%22b%0D%0Ax-evil%3A%201%20%C3%BC.tar.gz`,
  )
  t.equal(response.headers['x-evil'], undefined)
  t.equal(response.headers['x-content-type-options'], 'nosniff')
})

t.test('a missing path is 404, two of one base name are 400, before any byte', async (t) => {
  const cases: readonly [object, number, RegExp][] = [
    [{ paths: [join(root, 'app'), '/nowhere/at/all'] }, 404, /nowhere/],
    [{ paths: [join(root, 'app/src'), '/usr/src'] }, 400, /"src" in the archive/],
    [{ paths: ['relative'] }, 404, /\/relative/],
    [{ paths: [''] }, 400, /paths is empty/],
    [{ paths: [] }, 400, /1 to 1000/],
    [{}, 400, /paths is missing/],
    [{ paths: [root], format: 'zip' }, 400, /format/],
    [{ paths: [root], exclude_patterns: ['[x'] }, 400, /exclude_patterns/],
  ]
  for (const [body, status, sentence] of cases) {
    const reply = await daemon.call('POST', '/files/transfer/download', body)
    t.match(reply, { status, body: { success: false, error: sentence } })
  }
})

t.test('T-06 what was left out is in the trailer; a file that shrinks cuts the connection', async (t) => {
  const odd = join(daemon.directory, 'odd')
  mkdirSync(odd)
  execFileSync('mkfifo', [join(odd, 'fïfo')])
  const response = await open({ paths: [odd] })
  t.equal(response.headers['trailer'], 'x-skipped')
  await whole(response)
  t.strictSame(JSON.parse(response.trailers['x-skipped'] ?? ''), {
    count: 1,
    reasons: { fifo: 1 },
    first: [{ path: join(odd, 'fïfo'), reason: 'fifo' }],
    hard_links_as_files: 0,
  })

  const file = join(odd, 'large')
  writeFileSync(file, '')
  truncateSync(file, 256 * 1024 * 1024)
  const shrinking = await open({ paths: [file], format: 'tar' })
  await once(shrinking, 'readable') // the head may come before the file is opened, its bytes do not
  truncateSync(file, 1)
  await t.rejects(whole(shrinking), { message: /aborted/ })
})

/** Threads of the daemon. */
const threads = (): number => readdirSync(`/proc/${daemon.pid}/task`).length

function largeFile(): string {
  const file = join(daemon.directory, 'sparse')
  writeFileSync(file, '')
  truncateSync(file, 20 * 1024 ** 3)
  return file
}

t.test('T-07 a client that does not read holds the source; one that leaves ends it', async (t: Test) => {
  const paths = [largeFile()]
  const before = threads()
  const responses = await Promise.all(Array.from({ length: 4 }, () => open({ paths, format: 'tar' })))
  t.ok(threads() > before, 'a worker for each')
  const fifth = open({ paths })
  await until('the workers rest', async () => {
    const first = cpuTicks()
    await new Promise((resolve) => setTimeout(resolve, 100))
    return cpuTicks() - first < 2
  })
  for (const response of responses) response.destroy()
  const waited = await fifth
  t.equal(waited.statusCode, 200, 'the download that waited is served')
  waited.destroy()
  await until('the workers are gone', () => threads() <= before)
})

function cpuTicks(): number {
  const fields = readFileSync(`/proc/${daemon.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}

t.test('the Swift SDK: Accept of gzip, Accept-Encoding identity', async (t) => {
  const headers = { accept: 'application/gzip', 'accept-encoding': 'identity' }
  const response = await open({ paths: [join(root, 'app/src')] }, headers)
  const bytes = await whole(response)
  t.strictSame([...bytes.subarray(0, 2)], [0x1f, 0x8b])
})

t.test('a refusal is JSON, also for a client that accepts archives alone', async (t) => {
  const response = await open({ paths: ['/nowhere'] }, { accept: 'application/gzip' })
  t.equal(response.statusCode, 404)
  t.match(JSON.parse(await text(response)), { success: false, code: 'not_found' })
})
