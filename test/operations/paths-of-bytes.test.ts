// Files whose names are not UTF-8, named by base64 of the bytes of their path: read, changed and found over every door,
// and two names that decoding makes alike are never taken for each other.

import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DOORS, type Ask } from '../contract/doors.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

t.setTimeout(120_000)

const shared = startDaemon(t)

interface Names {
  readonly directory: string
  /** The bytes of a path below it, given one character a byte. */
  readonly bytes: (name: string) => Buffer
  /** The same in base64. */
  readonly coded: (name: string) => string
}

function scratch(t: Test): Names {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'bytes-')))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const bytes = (name: string) => Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')])
  return { directory, bytes, coded: (name) => bytes(name).toString('base64') }
}

const [A, O] = ['n\xe4.c', 'n\xf6.c'] as const
/** As UTF-8 in latin1: the file whose name really is U+FFFD, which both others are decoded to. */
const REAL = 'n\xef\xbf\xbd.c'

function three(t: Test): Names {
  const names = scratch(t)
  writeFileSync(names.bytes(A), 'A1\nA2\n')
  writeFileSync(names.bytes(O), 'O1\nO2\nO3\n')
  writeFileSync(names.bytes(REAL), 'real\n')
  return names
}

async function everywhere(t: Test, ask: Ask, check: (body: Record<string, unknown>, name: string) => void) {
  for (const [name, door] of Object.entries(DOORS)) {
    const { ok, body } = await door(await shared, ask)
    t.ok(ok, `${name}: ${JSON.stringify(body).slice(0, 300)}`)
    check(body, name)
  }
}

const query = (path: string, fields: Readonly<Record<string, unknown>>) =>
  `${path}?${Object.entries(fields)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&')}`

const get = (path: string, tool: string, args: Readonly<Record<string, unknown>>): Ask => ({
  method: 'GET',
  path: query(path, args),
  tool,
  args,
})

const post = (path: string, tool: string, args: object): Ask => ({ method: 'POST', path, body: args, tool, args })

t.test('read and stat answer for the very file, and give its bytes back', async (t) => {
  const { directory, coded } = three(t)
  for (const [name, content] of [
    [A, 'A1\nA2\n'],
    [O, 'O1\nO2\nO3\n'],
  ] as const) {
    const path_base64 = coded(name)
    const told = { path: `${directory}/n\ufffd.c`, path_base64 }
    await everywhere(t, get('/files/read', 'file_read', { path_base64, hash: true }), (body, door) =>
      t.match(body, { ...told, content, extension: '.c', hash: /^[0-9a-f]{64}$/ }, door),
    )
    await everywhere(t, get('/files/stat', 'file_stat', { path_base64, hash: true }), (body, door) => {
      const name_base64 = Buffer.from(name, 'latin1').toString('base64')
      t.match(body, { ...told, size: content.length, name: 'n\ufffd.c', name_base64, lossy_name: true }, door)
    })
  }
  await everywhere(t, get('/files/read', 'file_read', { path: `${directory}/n\ufffd.c` }), (body, door) => {
    t.match(body, { content: 'real\n' }, door)
    t.notOk('path_base64' in body)
  })
})

t.test('raw bytes, listing and search of names take and tell the bytes', async (t) => {
  const daemon = await shared
  const { directory, bytes, coded } = scratch(t)
  mkdirSync(bytes('d\xe4'))
  mkdirSync(bytes('d\xe4/sub'))
  mkdirSync(bytes('d\xf6'))
  writeFileSync(bytes('d\xe4/sub/plain.txt'), 'below\n')
  writeFileSync(bytes('d\xe4/x\xff'), 'x')
  writeFileSync(bytes('d\xf6/other'), '')
  const raw = await fetch(`${daemon.url}${query('/files/raw', { path_base64: coded('d\xe4/x\xff') })}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  t.match({ status: raw.status, text: await raw.text() }, { status: 200, text: 'x' })
  const top = await daemon.call('GET', query('/files', { path: directory, nested: true, flatten: true, light: true }))
  const found = top.body.entries.map((one: { path_base64?: string }) => one.path_base64)
  t.strictSame(
    new Set(found),
    new Set(['d\xe4', 'd\xf6', 'd\xe4/sub', 'd\xe4/sub/plain.txt', 'd\xe4/x\xff', 'd\xf6/other'].map(coded)),
  )
  const args = { path_base64: coded('d\xe4'), nested: true, flatten: true, include_content: true, include_hash: true }
  await everywhere(t, get('/files', 'file_list', args), (body, door) => {
    const entries = body['entries'] as { name: string; path: string; path_base64: string; content?: string }[]
    t.match(body, { path: `${directory}/d\ufffd`, path_base64: coded('d\xe4'), count: 3 }, door)
    t.strictSame(
      new Set(entries.map((one) => one.path_base64)),
      new Set(['d\xe4/sub', 'd\xe4/sub/plain.txt', 'd\xe4/x\xff'].map(coded)),
    )
    t.equal(entries.find(({ name }) => name === 'plain.txt')?.content, 'below\n', door)
    t.equal(entries.find(({ name }) => name === 'plain.txt')?.path, `${directory}/d\ufffd/sub/plain.txt`)
  })
  const lines = await daemon.call('GET', query('/files/stream', { path_base64: coded('d\xf6') }))
  t.match(JSON.stringify(lines.body), /other/)
  t.match(JSON.stringify(lines.body), coded('d\xf6'))
  t.ok(JSON.stringify(lines.body).isWellFormed())
  const names = { q: 'x', path_base64: coded('d\xe4'), no_gitignore: true }
  await everywhere(t, get('/files/search/files', 'search_files', names), (body, door) => {
    t.match(body, { path_base64: coded('d\xe4'), total_files: 2 }, door)
    t.match(body['lossy_names'], [{ path_base64: coded('d\xe4/x\xff') }], door)
  })
})

t.test('write, append, mkdir, move, copy, chmod and delete touch that file alone', async (t) => {
  for (const [door, ask] of Object.entries(DOORS)) {
    const daemon = await shared
    const { bytes, coded } = three(t)
    const done = async (path: string, tool: string, args: object) => {
      const { ok, body } = await ask(daemon, post(path, tool, args))
      t.ok(ok, `${door} ${tool} ${JSON.stringify(body).slice(0, 300)}`)
      return body
    }
    t.match(await done('/files/write', 'file_write', { path_base64: coded(A), content: 'new' }), {
      path_base64: coded(A),
    })
    await done('/files/write', 'file_write', { path_base64: coded(A), content: '+', append: true })
    await done('/files/write', 'file_write', {
      path_base64: coded('m\xe4de/f\xff'),
      content: 'made',
      create_dirs: true,
    })
    await done('/files/mkdir', 'file_mkdir', { path_base64: coded('k\xe4/l\xf6') })
    t.equal(readFileSync(bytes(A), 'utf8'), 'new+', door)
    t.equal(readFileSync(bytes('m\xe4de/f\xff'), 'utf8'), 'made')
    t.ok(lstatSync(bytes('k\xe4/l\xf6')).isDirectory())
    await done('/files/delete', 'file_delete', { path_base64: coded('k\xe4') })
    t.notOk(existsSync(bytes('k\xe4')))
    await done('/files/delete', 'file_delete', { path_base64: coded(A) })
    t.notOk(existsSync(bytes(A)))
    t.equal(readFileSync(bytes(O), 'utf8'), 'O1\nO2\nO3\n')
    t.equal(readFileSync(bytes(REAL), 'utf8'), 'real\n')
  }
  const daemon = await shared
  const { bytes, coded, directory } = three(t)
  const call = async (path: string, body: object) => {
    const reply = await daemon.call('POST', path, body)
    t.equal(reply.status, 200, JSON.stringify(reply.body))
    return reply.body
  }
  t.match(await call('/files/move', { path_base64: coded(A), to_base64: coded('z\xff') }), {
    to_base64: coded('z\xff'),
  })
  t.equal(readFileSync(bytes('z\xff'), 'utf8'), 'A1\nA2\n')
  await call('/files/move', { path_base64: coded('z\xff'), to: `${directory}/plain` })
  t.equal(readFileSync(join(directory, 'plain'), 'utf8'), 'A1\nA2\n')
  await call('/files/copy', { path: `${directory}/plain`, to_base64: coded(A) })
  await call('/files/copy', { path_base64: coded(O), to_base64: coded(A), overwrite: true })
  t.equal(readFileSync(bytes(A), 'utf8'), 'O1\nO2\nO3\n')
  await call('/files/chmod', { path_base64: coded(A), mode: '0600' })
  t.equal(lstatSync(bytes(A)).mode & 0o777, 0o600)
  t.equal(lstatSync(bytes(O)).mode & 0o777, 0o644)
  const put = await daemon.call('PUT', query('/files/raw', { path_base64: coded('raw\xff') }), Buffer.from('raw'))
  t.match(put, { status: 201, body: { path_base64: coded('raw\xff') } })
  t.equal(readFileSync(bytes('raw\xff'), 'utf8'), 'raw')
})

t.test('links whose text or way is not UTF-8 lead to the very file', async (t) => {
  const daemon = await shared
  const { directory, bytes, coded } = three(t)
  mkdirSync(bytes('d\xe4'))
  writeFileSync(bytes('d\xe4/f'), 'inside')
  symlinkSync(Buffer.from(A, 'latin1'), bytes('link'))
  symlinkSync(bytes('d\xe4'), join(directory, 'way'))
  t.match(await daemon.call('GET', query('/files/stat', { path: `${directory}/link` })), {
    body: { symlink_target: 'n\ufffd.c', symlink_target_base64: Buffer.from(A, 'latin1').toString('base64') },
  })
  t.equal((await daemon.call('POST', '/files/write', { path: `${directory}/link`, content: 'through' })).status, 201)
  t.equal(readFileSync(bytes(A), 'utf8'), 'through')
  t.equal((await daemon.call('POST', '/files/write', { path: `${directory}/way/f`, content: 'there' })).status, 201)
  t.equal(readFileSync(bytes('d\xe4/f'), 'utf8'), 'there')
  t.equal((await daemon.call('DELETE', query('/files/delete', { path: `${directory}/way/f` }))).status, 200)
  t.notOk(existsSync(bytes('d\xe4/f')))
  t.match(await daemon.call('GET', query('/files/stat', { path_base64: coded('absent\xff') })), {
    status: 404,
    body: { code: 'not_found', details: { path: `${directory}/absent\ufffd`, path_base64: coded('absent\xff') } },
  })
})

t.test('a relative path in bytes is below the working directory, and text may be sent so too', async (t) => {
  const directory = scratch(t)
  writeFileSync(directory.bytes('r\xff'), 'relative')
  writeFileSync(join(directory.directory, 'täxt'), 'text')
  const daemon: Daemon = await startDaemon(t, { cwd: directory.directory })
  for (const [name, content] of [
    [Buffer.from('r\xff', 'latin1'), 'relative'],
    [Buffer.from('./x/../täxt'), 'text'],
  ] as const) {
    const { body } = await daemon.call('GET', query('/files/read', { path_base64: name.toString('base64url') }))
    t.match(body, { content }, body.error)
  }
  t.notOk('path_base64' in (await daemon.call('GET', query('/files/read', { path_base64: btoa('./t') }))).body)
})

t.test('what is no base64 of a path is refused with the field, and so are two paths', async (t) => {
  const { directory } = scratch(t)
  const cases: readonly (readonly [object, RegExp])[] = [
    [
      { path: directory, path_base64: btoa(directory) },
      /^path and path_base64 are both given; accepted is one of them/,
    ],
    [{ path_base64: '%%%' }, /^path_base64 has what base64 has not/],
    [{ path_base64: 'L3RtcA=x' }, /^path_base64 has what base64 has not/],
    [{ path_base64: 'L3RtcA b' }, /^path_base64 has what base64 has not/],
    [{ path_base64: 'L3Rtc' }, /^path_base64 is cut/],
    [{ path_base64: 'L3RtcB' }, /^path_base64 is cut/],
    [{ path_base64: 7 }, /^path_base64 has what base64 has not/],
    [{ path_base64: ['L3RtcA=='] }, /^path_base64 has what base64 has not/],
    [{ path_base64: '' }, /^path_base64 is empty/],
    [{ path_base64: btoa('/tmp/a\0b') }, /^path_base64 contains a NUL character/],
    [{ path_base64: Buffer.alloc(5000, 0xff).toString('base64') }, /^path_base64 is \d+ bytes long/],
    [{}, /^path is missing \(also taken: .*path_base64\)/],
    [{ path: '/tmp/\udce4' }, /^path contains a lone surrogate/],
    [{ path: '/tmp/\ud83d' }, /^path contains a lone surrogate/],
  ]
  for (const [args, sentence] of cases) {
    for (const [name, door] of Object.entries(DOORS)) {
      const { ok, body } = await door(await shared, post('/files/delete', 'file_delete', args))
      t.notOk(ok, `${name} ${JSON.stringify(args).slice(0, 80)}`)
      t.equal(body['code'], 'bad_request')
      t.match(body['error'], sentence, name)
    }
  }
})

t.test('a download takes paths in bytes, and their members have the same names', async (t) => {
  const daemon = await shared
  const { bytes, coded } = three(t)
  mkdirSync(bytes('d\xe4'))
  writeFileSync(bytes('d\xe4/in\xff'), 'inner')
  symlinkSync('gone', bytes('l\xff'))
  const packed = async (body: object) => {
    const reply = await fetch(`${daemon.url}/files/transfer/download`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, format: 'tar' }),
    })
    return { status: reply.status, tar: Buffer.from(await reply.arrayBuffer()) }
  }
  const { status, tar } = await packed({ paths_base64: [A, O, 'd\xe4', 'l\xff'].map(coded) })
  t.equal(status, 200, tar.toString())
  const listed = spawnSync('tar', ['-tf', '-', '--quoting-style=literal', '--show-transformed-names'], { input: tar })
  const names = listed.stdout.toString('latin1').trimEnd().split('\n')
  t.strictSame(new Set(names), new Set([A, O, 'd\xe4/', 'd\xe4/in\xff', 'l\xff']), listed.stderr.toString())
  const [mixed, cut] = [{ paths: ['/tmp'], paths_base64: [coded(A)] }, { paths_base64: [coded(A), 'L3Rtc'] }]
  t.match(await packed(mixed), { status: 400, tar: /paths and paths_base64 are both given/ })
  t.match((await packed(cut)).status, 400)
  t.match((await packed({ paths_base64: [coded('none\xff')] })).status, 404)
  t.match((await packed({})).tar.toString(), /paths is missing \(also taken: paths_base64\)/)
})

t.test('a search of content takes a directory or a file in bytes, and tells the bytes of each match', async (t) => {
  const { directory, bytes, coded } = three(t)
  mkdirSync(bytes('d\xe4'))
  writeFileSync(bytes('d\xe4/plain.txt'), 'a needle\n')
  writeFileSync(bytes('d\xe4/x\xff'), 'needle too\n')
  writeFileSync(bytes('d\xe4/.gitignore'), 'left\n')
  writeFileSync(bytes('d\xe4/left'), 'needle left out\n')
  writeFileSync(join(directory, 'needle'), 'needle outside\n')
  const below = { q: 'needle', path_base64: coded('d\xe4') }
  await everywhere(t, get('/files/search', 'search_content', below), (body, door) => {
    const matches = body['matches'] as { path: string; path_base64: string }[]
    t.match(body, { path: `${directory}/d\ufffd`, path_base64: coded('d\xe4'), total_matches: 2 }, door)
    t.strictSame(new Set(matches.map((one) => one.path_base64)), new Set(['d\xe4/plain.txt', 'd\xe4/x\xff'].map(coded)))
    t.equal(matches.find(({ path }) => path.endsWith('plain.txt'))?.path, `${directory}/d\ufffd/plain.txt`)
    t.strictSame(new Set(Object.keys(body['results'] as object)), new Set(['plain.txt', 'x\ufffd']))
  })
  for (const [name, content] of [
    [A, 'A2'],
    [O, 'O2'],
  ] as const) {
    await everywhere(t, get('/files/search', 'search_content', { q: '2', path_base64: coded(name) }), (body, door) => {
      t.match(body, { matches: [{ path: `${directory}/n\ufffd.c`, path_base64: coded(name), text: content }] }, door)
      t.strictSame(Object.keys(body['results'] as object), ['n\ufffd.c'], door)
    })
  }
})

t.test('the call that goes on names the path as it was named', async (t) => {
  const daemon = await shared
  const { bytes, coded } = scratch(t)
  mkdirSync(bytes('d\xe4'))
  for (const name of ['1', '2', '3']) writeFileSync(bytes(`d\xe4/${name}`), `one\ntwo\nthree\nfour ${name}\n`)
  const ask = async (name: string, args: object) => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta } }
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name }
    const accept = 'application/json, text/event-stream'
    const { body } = await daemon.call('POST', '/mcp?format=text', message, { ...headers, accept })
    t.not(body.result?.isError, true, JSON.stringify(body))
    return body.result.content[0].text as string
  }
  for (const [tool, args] of [
    ['file_list', { path_base64: coded('d\xe4'), max_entries: 1 }],
    ['file_read', { path_base64: coded('d\xe4/1'), max_bytes: 16 }],
  ] as const) {
    const text = await ask(tool, args)
    const next = /(\{.*\})/.exec(text)?.[1] ?? '{}'
    t.match(next, args.path_base64, text)
    await ask(tool, JSON.parse(next) as object)
  }
})
