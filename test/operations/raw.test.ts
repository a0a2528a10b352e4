// Raw bytes over HTTP: ranges, entity tags, conditional writes, digests (RFC 9110; F-01,
// F-03 to F-05, F-07, F-13, T-08).

import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { appendFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { ground, NO_MOUNTS, tmpfs } from '../support/mounting.ts'
import { until } from '../support/until.ts'

const MiB = 1024 * 1024

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  /** Of a JSON answer. */
  // oxlint-disable-next-line typescript/no-explicit-any -- the tests say what they expect
  readonly body: any
}

type Headers = Readonly<Record<string, string | number>>
interface Sent {
  readonly path: string
  readonly query?: string
  readonly headers?: Headers
  readonly body?: Uint8Array | string
}

/** One request; rejects where the connection is cut. */
function ask(daemon: Daemon, method: string, { path, query = '', headers = {}, body }: Sent): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const url = `${daemon.url}/files/raw?path=${encodeURIComponent(path)}${query}`
  const sent = request(url, { method, headers: { authorization: `Bearer ${TOKEN}`, ...headers } }, (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('error', reject)
    response.on('end', () => {
      const bytes = Buffer.concat(chunks)
      const json = response.headers['content-type']?.startsWith('application/json') === true && bytes.length > 0
      const status = response.statusCode ?? 0
      const fault = json ? (JSON.parse(bytes.toString()) as unknown) : undefined
      resolve({ status, headers: response.headers, bytes, body: fault })
    })
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

async function desk(t: Test, options = {}) {
  const dir = t.testdir({})
  const daemon = await startDaemon(t, options)
  return {
    dir,
    daemon,
    get: (path: string, headers: Headers = {}) => ask(daemon, 'GET', { path, headers }),
    put: (path: string, body: Uint8Array | string, headers: Headers = {}, query = '') =>
      ask(daemon, 'PUT', { path, body, headers, query }),
  }
}

t.test('reading', async (t) => {
  const { dir, daemon, get } = await desk(t)
  const path = join(dir, 'höl "x".txt')
  const bytes = randomBytes(700_001)
  writeFileSync(path, bytes)
  utimesSync(path, 1_700_000_000, 1_700_000_000)
  const whole = await get(path)
  t.equal(whole.status, 200)
  t.ok(whole.bytes.equals(bytes))
  t.match(whole.headers, {
    'content-length': '700001',
    'content-type': 'text/plain; charset=utf-8',
    'accept-ranges': 'bytes',
    etag: /^"[0-9a-z-]+"$/,
    'last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT',
    'content-disposition': `inline; filename="h_l _x_.txt"; filename*=UTF-8''h%C3%B6l%20%22x%22.txt`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': /sandbox/,
  })
  const head = await ask(daemon, 'HEAD', { path, headers: { range: 'bytes=0-1' } })
  t.equal(head.status, 200, 'a range is for GET alone')
  t.equal(head.bytes.length, 0)
  for (const name of ['content-length', 'etag', 'last-modified', 'content-type']) {
    t.equal(head.headers[name], whole.headers[name], name)
  }
  writeFileSync(join(dir, 'page.svg'), '<svg/>')
  t.match((await get(join(dir, 'page.svg'))).headers, {
    'content-type': 'image/svg+xml',
    'content-disposition': 'attachment; filename="page.svg"',
  })
  writeFileSync(join(dir, 'empty'), '')
  const empty = await get(join(dir, 'empty'))
  t.match(empty, { status: 200, headers: { 'content-length': '0', etag: /"/ } })
  symlinkSync('empty', join(dir, 'link'))
  t.equal((await get(join(dir, 'link'))).headers.etag, empty.headers.etag)
  t.match(await get(join(dir, 'nowhere')), { status: 404, body: { code: 'not_found' } })
  t.match(await get(dir), { status: 400, body: { code: 'bad_request' } })
  t.match(await get('~/relative'), { status: 400, body: { details: { field: 'path' } } })
  const fds = (): number => readdirSync(`/proc/${daemon.pid}/fd`).filter((fd) => linksTo(daemon, fd, dir)).length
  await until('every file is closed', () => fds() === 0)
})

function linksTo(daemon: Daemon, fd: string, dir: string): boolean {
  try {
    return execFileSync('readlink', [`/proc/${daemon.pid}/fd/${fd}`], { encoding: 'utf8' }).startsWith(dir)
  } catch {
    return false
  }
}

t.test('F-01 F-03 what is no regular file, and files of the kernel', async (t) => {
  const { dir, daemon, get, put } = await desk(t)
  execFileSync('mkfifo', [join(dir, 'fifo')])
  for (const path of [join(dir, 'fifo'), '/dev/null', '/dev/zero', '/proc/kmsg']) {
    t.match(await get(path), { status: 400, body: { code: 'not_regular' } }, path)
    t.match(await put(path, 'x'), { status: 400, body: { code: 'not_regular' } }, path)
  }
  const status = await get(`/proc/${daemon.pid}/status`)
  t.equal(status.status, 200)
  t.match(status.bytes.toString(), /^Name:.*\nUmask:/)
  t.equal(status.headers['content-length'], undefined)
  t.equal(status.headers.etag, undefined)
  t.equal((await get('/sys/kernel/mm/transparent_hugepage/enabled')).status, 200)
  t.match(await get('/proc/self/mem'), { status: 400, body: { code: 'not_regular' } })
  t.equal((await get(`/proc/${daemon.pid}/status`, { range: 'bytes=0-1' })).status, 200)
})

t.test('F-05 ranges', async (t) => {
  const { dir, get } = await desk(t)
  const path = join(dir, 'x')
  const bytes = randomBytes(1000)
  writeFileSync(path, bytes)
  const etag = String((await get(path)).headers.etag)
  const table: [string, number, number][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=0-499', 0, 500],
    ['bytes=999-', 999, 1000],
    ['bytes=-1', 999, 1000],
    ['bytes=-5000', 0, 1000],
    ['bytes=990-99999', 990, 1000],
    ['BYTES = 5 - 6', 5, 7],
  ]
  for (const [range, from, to] of table) {
    const part = await get(path, { range })
    t.equal(part.status, 206, range)
    t.equal(part.headers['content-range'], `bytes ${from}-${to - 1}/1000`)
    t.equal(part.headers['content-length'], String(to - from))
    t.ok(part.bytes.equals(bytes.subarray(from, to)), range)
  }
  for (const range of ['bytes=1000-', 'bytes=-0', 'bytes=5000-6000']) {
    const none = await get(path, { range })
    t.match(none, { status: 416, body: { code: 'range_not_satisfiable', details: { size: 1000 } } }, range)
    t.equal(none.headers['content-range'], 'bytes */1000')
  }
  for (const range of ['bytes=5-4', 'bytes=-', 'lines=1-2', 'bytes=0-1,5-6', 'bytes=a-b', 'bytes 0-1']) {
    t.match(await get(path, { range }), { status: 200, headers: { 'content-length': '1000' } }, range)
  }
  const range = 'bytes=0-1'
  t.equal((await get(path, { range, 'if-range': etag })).status, 206)
  t.equal((await get(path, { range, 'if-range': '"other"' })).status, 200)
  t.equal((await get(path, { range, 'if-range': `W/${etag}` })).status, 200)
  t.equal((await get(path, { range, 'if-range': 'Tue, 14 Nov 2023 22:13:20 GMT' })).status, 200)
  writeFileSync(path, '')
  t.equal((await get(path, { range })).status, 416)

  const sparse = join(dir, 'sparse')
  const handle = await open(sparse, 'w')
  await handle.truncate(2 ** 40)
  t.equal(
    (await get(sparse, { range: 'bytes=-1' })).headers['content-range'],
    `bytes ${2 ** 40 - 1}-${2 ** 40 - 1}/${2 ** 40}`,
  )
  const island = randomBytes(65_536)
  await handle.write(island, 0, island.length, 2 ** 39)
  await handle.close()
  const part = await get(sparse, { range: `bytes=${2 ** 39}-${2 ** 39 + 65_535}` })
  t.equal(part.status, 206)
  t.ok(part.bytes.equals(island), '64 KiB at 512 GiB of 1 TiB')
})

t.test('conditions of reading', async (t) => {
  const { dir, get } = await desk(t)
  const path = join(dir, 'x')
  writeFileSync(path, 'one')
  const etag = String((await get(path)).headers.etag)
  for (const value of [etag, `W/${etag}`, `"a", ${etag}`, '*']) {
    const same = await get(path, { 'if-none-match': value })
    t.equal(same.status, 304, value)
    t.equal(same.headers.etag, etag)
    t.equal(same.bytes.length, 0)
  }
  t.equal((await get(path, { 'if-none-match': '"other"' })).status, 200)
  t.equal((await get(path, { 'if-none-match': etag, range: 'bytes=0-0' })).status, 304)
  t.equal((await get(path, { 'if-match': etag })).status, 200)
  t.equal((await get(path, { 'if-match': '*' })).status, 200)
  for (const value of ['"other"', `W/${etag}`]) {
    t.match(await get(path, { 'if-match': value }), {
      status: 412,
      headers: { etag },
      body: { code: 'precondition_failed', details: { etag } },
    })
  }
  for (const value of ['abc', '"a" "b"', ',', 'W/*']) {
    t.match(await get(path, { 'if-match': value }), { status: 400, body: { details: { field: 'if_match' } } }, value)
  }
  chmodSync(path, 0o600)
  t.not((await get(path)).headers.etag, etag, 'times of every change count')
  writeFileSync(path, 'two')
  t.equal((await get(path, { 'if-match': etag })).status, 412)
})

t.test('F-04 a file that changes while it is read is not passed off as whole', async (t) => {
  const { dir, daemon } = await desk(t)
  const path = join(dir, 'x')
  const size = 48 * MiB // more than loopback sockets hide
  /** Reads the head, has the file changed, then reads on. */
  const during = async (change: () => void): Promise<number | 'cut'> => {
    writeFileSync(path, Buffer.alloc(size, 'a'))
    const { promise, resolve } = Promise.withResolvers<number | 'cut'>()
    const url = `${daemon.url}/files/raw?path=${encodeURIComponent(path)}`
    request(url, { headers: { authorization: `Bearer ${TOKEN}` } }, (response) => {
      response.pause()
      change()
      let bytes = 0
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.on('end', () => resolve(bytes))
      response.on('error', () => resolve('cut'))
      response.resume()
    }).end()
    return await promise
  }
  t.equal(await during(() => truncateSync(path, MiB)), 'cut', 'truncated')
  t.equal(await during(() => appendFileSync(path, 'more')), size, 'grown: as long as it was')
  t.equal(await during(() => execFileSync('rm', [path])), size, 'unlinked')
  const replace = `head -c 99 /dev/zero > '${path}.new' && mv '${path}.new' '${path}'`
  t.equal(await during(() => execFileSync('sh', ['-c', replace])), size, 'replaced')
  const rewrite = ['if=/dev/zero', `of=${path}`, 'conv=notrunc', 'bs=1M', 'count=1', 'status=none', 'seek=47']
  t.equal(await during(() => execFileSync('dd', rewrite)), 'cut', 'rewritten')
  const gone = await fetch(`${daemon.url}/files/raw?path=${encodeURIComponent(path)}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  await gone.body?.cancel()
  const open = (): boolean => readdirSync(`/proc/${daemon.pid}/fd`).some((fd) => linksTo(daemon, fd, dir))
  await until('what a client left is closed', () => !open())
  t.notMatch(daemon.stderr(), /internal_error/)
})

t.test('writing', async (t) => {
  const { dir, get, put, daemon } = await desk(t)
  const path = join(dir, 'x')
  const bytes = randomBytes(3 * MiB + 1)
  const made = await put(path, bytes, { 'content-type': 'image/png' })
  t.match(made, { status: 201, body: { success: true, path, size: bytes.length, created: true, etag: /"/ } })
  t.notOk('atomic' in made.body)
  t.ok(readFileSync(path).equals(bytes))
  t.equal((await get(path)).headers.etag, made.body.etag)
  t.equal(statSync(path).mode & 0o777, 0o644)
  chmodSync(path, 0o640)
  t.match(await put(path, '', {}, '&hint=1'), { status: 201, body: { size: 0, created: false, ignored: ['hint'] } })
  t.equal(readFileSync(path).length, 0)
  t.equal(statSync(path).mode & 0o777, 0o640)
  t.match(await put(path, 'new', {}, '&mode=0600'), { status: 201 })
  t.equal(statSync(path).mode & 0o777, 0o600)
  linkSync(path, join(dir, 'second'))
  const inPlace = await put(path, randomBytes(2 * MiB))
  t.match(inPlace, { status: 201, body: { atomic: false, size: 2 * MiB } })
  t.equal(statSync(join(dir, 'second')).size, 2 * MiB)
  t.equal((await get(join(dir, 'second'))).headers.etag, inPlace.body.etag)
  t.match(await put(join(dir, 'a/b/c'), 'x'), { status: 404, body: { code: 'not_found' } })
  t.match(await put(join(dir, 'a/b/c'), 'x', {}, '&create_dirs=true'), { status: 201 })
  t.match(await put(dir, 'x'), { status: 400 })
  t.match(await put(path, 'x', { 'content-range': 'bytes 0-0/9' }), { status: 400, body: { code: 'bad_request' } })
  t.match(await put(path, 'x', { 'if-unmodified-since': new Date().toUTCString() }), {
    status: 400,
    body: { error: /accepted are If-Match/ },
  })
  t.match(await put(path, 'x', { 'content-encoding': 'gzip' }), { status: 415 })
  t.match(await put('/proc/self/comm', 'raw'), { status: 201, body: { atomic: false } })
  t.same(readdirSync(dir).sort(), ['a', 'second', 'x'])
  t.same(
    readdirSync(join(daemon.directory, 'state/workspace-runtime')).filter((name) => name.endsWith('~')),
    [],
  )
})

t.test('conditional writing', async (t) => {
  const { dir, put, daemon } = await desk(t)
  const path = join(dir, 'x')
  const none = { 'if-none-match': '*' }
  t.match(await put(path, 'a', { 'if-match': '*' }, '&create_dirs=true'), {
    status: 412,
    body: { details: { etag: null } },
  })
  t.match(await put(join(dir, 'p/q'), 'a', { 'if-match': '*' }, '&create_dirs=true'), { status: 412 })
  t.notOk(existsSync(join(dir, 'p')), 'not even a directory is made')
  const one = await put(path, 'one', none)
  t.match(one, { status: 201, body: { created: true } })
  const { etag } = one.body
  t.match(await put(path, 'two', none), { status: 412, body: { code: 'precondition_failed', details: { etag } } })
  t.match(await put(path, 'two', { 'if-none-match': etag }), { status: 412 })
  t.match(await put(path, 'two', { 'if-match': `W/${etag}` }), { status: 412 })
  t.match(await put(path, 'two', { 'if-match': 'two' }), { status: 400 })
  t.equal(readFileSync(path, 'utf8'), 'one')
  const two = await put(path, 'two', { 'if-match': `"x", ${etag}` })
  t.match(two, { status: 201, body: { created: false } })
  t.match(await put(path, 'six', { 'if-match': etag }), { status: 412, body: { details: { etag: two.body.etag } } })
  t.match(await put(path, 'six', { 'if-match': '*' }), { status: 201 })

  const sha = (text: string): string => createHash('sha256').update(text).digest('hex')
  const write = (content: string, expected: string, more = {}) =>
    daemon.call('POST', '/files/write', { path, content, expected_hash: expected, ...more })
  t.match(await write('7', sha('other')), {
    status: 412,
    body: { code: 'precondition_failed', details: { expected_hash: sha('other'), current_hash: sha('six') } },
  })
  t.match(await write('7', 'none'), { status: 412, body: { details: { current_hash: sha('six') } } })
  t.match(await write('7', 'abc'), { status: 400, body: { details: { field: 'expected_hash' } } })
  t.match(await write('ty', sha('other'), { append: true }), { status: 412 })
  t.equal(readFileSync(path, 'utf8'), 'six')
  t.match(await write('ty', sha('six').toUpperCase(), { append: true }), { status: 201, body: { size: 5 } })
  t.match(await write('seven', sha('sixty'), { hash: true }), { status: 201, body: { hash: sha('seven') } })
  const bare = { jsonrpc: '2.0', id: 1, method: 'tools/call' }
  const args = { path, content: '8', expected_hash: sha('six') }
  const overMcp = await daemon.call('POST', '/mcp', { ...bare, params: { name: 'file_write', arguments: args } })
  t.match(overMcp.body.error, { message: new RegExp(`the SHA-256 of the file is ${sha('seven')}`) }, 'also over MCP')
  t.equal(readFileSync(path, 'utf8'), 'seven')
  const fresh = join(dir, 'fresh')
  const first = { path: fresh, content: 'x', expected_hash: sha('') }
  t.match(await daemon.call('POST', '/files/write', first), {
    status: 412,
    body: { details: { current_hash: 'none' } },
  })
  t.match(await daemon.call('POST', '/files/write', { ...first, expected_hash: 'none' }), { status: 201 })
  t.same(readdirSync(dir).sort(), ['fresh', 'x'])
})

t.test('F-13 a hundred conditional writers on one tag: one wins', async (t) => {
  const { dir, get, put } = await desk(t)
  const path = join(dir, 'x')
  const race = async (headers: Headers): Promise<void> => {
    const contents = Array.from({ length: 100 }, (_, i) => Buffer.alloc(100_000, `${i} `))
    const answers = await Promise.all(contents.map((content) => put(path, content, headers)))
    const won = answers.flatMap(({ status }, i) => (status === 201 ? [i] : []))
    t.equal(won.length, 1)
    t.equal(answers.filter(({ status }) => status === 412).length, 99)
    t.ok(readFileSync(path).equals(contents[won[0] ?? 0] ?? Buffer.alloc(0)), "the winner's bytes")
  }
  await race({ 'if-none-match': '*' })
  for (let i = 0; i < 3; i++) await race({ 'if-match': String((await get(path)).headers.etag) })
  linkSync(path, join(dir, 'second'))
  for (let i = 0; i < 3; i++) await race({ 'if-match': String((await get(path)).headers.etag) })
  t.same(readdirSync(dir).sort(), ['second', 'x'])
})

t.test('F-13 writers with one expected hash, over two names of a file', async (t) => {
  const { dir, daemon } = await desk(t)
  const path = join(dir, 'x')
  writeFileSync(path, 'old')
  linkSync(path, join(dir, 'y'))
  const expected = createHash('sha256').update('old').digest('hex')
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      daemon.call('POST', '/files/write', {
        path: i % 2 ? path : join(dir, 'y'),
        content: `new ${i}`,
        expected_hash: expected,
      }),
    ),
  )
  const statuses = answers.map(({ status, body }) => (status === 412 ? status : `${status} ${JSON.stringify(body)}`))
  t.equal(answers.filter(({ status }) => status === 201).length, 1, statuses.join('\n'))
  t.equal(answers.filter(({ status }) => status === 412).length, 39, statuses.join('\n'))
})

t.test('Content-Digest', async (t) => {
  const { dir, put } = await desk(t)
  const path = join(dir, 'x')
  writeFileSync(path, 'old')
  const digest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('base64')
  const sha256 = `sha-256=:${digest('sha256', 'new')}:`
  const sha512 = `sha-512=:${digest('sha512', 'new')}:`
  const wrong = `sha-256=:${digest('sha256', 'other')}:`
  t.match(await put(path, 'new', { 'content-digest': wrong }), {
    status: 400,
    body: {
      details: { algorithm: 'sha-256', expected: digest('sha256', 'other'), actual: digest('sha256', 'new') },
    },
  })
  t.equal((await put(path, 'new', { 'content-digest': `${wrong}, ${sha512}` })).status, 400)
  t.equal(readFileSync(path, 'utf8'), 'old')
  for (const bad of ['sha-256=abc', sha256.slice(0, -1), 'sha-256=:YQ==:', 'SHA-256=:YQ==:', ',', 'sha-256']) {
    t.match(
      await put(path, 'new', { 'content-digest': bad }),
      { status: 400, body: { details: { field: 'Content-Digest' } } },
      bad,
    )
  }
  t.equal(readFileSync(path, 'utf8'), 'old')
  for (const good of [sha256, sha512, `${sha512},${sha256}`, `md5=:YQ==:;x=1, ${sha256}`, 'unixsum=:AAAA:']) {
    t.equal((await put(path, 'new', { 'content-digest': good })).status, 201, good)
  }
  t.equal((await put(path, '', { 'content-digest': `sha-256=:${digest('sha256', '')}:` })).status, 201)
  t.same(readdirSync(dir), ['x'])
})

t.test('a body that ends early changes nothing', async (t) => {
  const { dir, daemon, get } = await desk(t)
  const path = join(dir, 'x')
  writeFileSync(path, 'old')
  const etag = (await get(path)).headers.etag
  for (const [length, end] of [
    ['content-length: 9000000', 'end'],
    ['content-length: 9000000', 'destroy'],
    ['transfer-encoding: chunked', 'end'],
    ['transfer-encoding: chunked', 'destroy'],
  ] as const) {
    const socket = connect(daemon.port, '127.0.0.1')
    socket.on('error', () => undefined)
    const part = length.startsWith('content') ? 'x'.repeat(300_000) : `493e0\r\n${'x'.repeat(300_000)}\r\n`
    const head = `PUT /files/raw?path=${encodeURIComponent(path)} HTTP/1.1\r\nhost: localhost`
    socket.write(`${head}\r\nauthorization: Bearer ${TOKEN}\r\n${length}\r\n\r\n${part}`)
    await until('it is being received', () => readdirSync(dir).length === 2)
    if (end === 'end') socket.end()
    else socket.resetAndDestroy()
    await until('the temporary file is gone', () => readdirSync(dir).length === 1)
    socket.destroy()
  }
  t.equal((await get(path)).headers.etag, etag)
  t.notMatch(daemon.stderr(), /internal_error/)
})

t.test('F-07 a full disk: 507, the old content intact', { skip: NO_MOUNTS }, async (t) => {
  const place = ground(t)
  const disk = tmpfs(place, 'size=16m')
  const { put } = await desk(t)
  const path = join(disk, 'x')
  const old = randomBytes(MiB)
  writeFileSync(path, old)
  const full = { status: 507, body: { code: 'insufficient_storage' } }
  t.match(await put(path, Buffer.alloc(32 * MiB)), full)
  t.ok(readFileSync(path).equals(old))
  linkSync(path, join(disk, 'second'))
  t.match(await put(path, Buffer.alloc(32 * MiB)), full)
  t.ok(readFileSync(path).equals(old), 'also in place')
  t.same(readdirSync(disk).sort(), ['second', 'x'])
  mkdirSync(join(disk, 'd'))
  t.match(await put(join(disk, 'd/new'), Buffer.alloc(32 * MiB)), full)
  t.same(readdirSync(join(disk, 'd')), [])
})
