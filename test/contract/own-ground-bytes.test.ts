// A path given as bytes is judged as the bytes that are opened: a credential with limited scopes stays outside of the
// daemon's own files, also where these lie in a directory whose name is not UTF-8, and reaches other such files.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { callerOf, HS256, type Answer, type Caller } from './own-ground-doors.ts'

t.setTimeout(120_000)

const CANARY = 'canary-of-the-ground'

interface Stand {
  readonly daemon: Daemon
  /** Of a path below the test's directory, one character a byte. */
  readonly bytes: (path: string) => Buffer
}

/** The state directory is configured by way of a link to a directory whose name is not UTF-8. */
async function openStand(t: Test): Promise<Stand> {
  const top = t.testdir({ work: {}, keys: {} })
  const bytes = (path: string) => Buffer.concat([Buffer.from(`${top}/`), Buffer.from(path, 'latin1')])
  for (const path of ['d\xe4', 'd\xe4/state', 'd\xe4/state/workspace-runtime', 'work/w\xff']) mkdirSync(bytes(path))
  symlinkSync(bytes('d\xe4'), join(top, 'ours'))
  symlinkSync(bytes('d\xe4'), bytes('work/by\xff'))
  writeFileSync(bytes('d\xe4/state/workspace-runtime/kept'), CANARY)
  writeFileSync(bytes('work/w\xff/free\xfe'), 'free')
  const secret = join(top, 'keys/secret')
  writeFileSync(secret, HS256)
  const daemon = await startDaemon(t, {
    config: { jwt: { secret_file: secret }, toolsets: ['default', 'files'] },
    env: { XDG_STATE_HOME: join(top, 'ours/state') },
    cwd: join(top, 'work'),
  })
  return { daemon, bytes }
}

type Go = (caller: Caller, path_base64: string) => Promise<Answer>

const asked =
  (path: string): Go =>
  async (caller, coded) =>
    await caller.rest('GET', `${path}path_base64=${encodeURIComponent(coded)}`)
const tool =
  (name: string, more: object = {}): Go =>
  async (caller, path_base64) =>
    await caller.mcp('tools/call', { name, arguments: { path_base64, ...more } })
const sent =
  (method: string, path: string, more: object = {}): Go =>
  async (caller, path_base64) =>
    await caller.rest(method, path, { path_base64, ...more })

const READING: readonly Go[] = [
  asked('/files/read?'),
  asked('/files/read?hash=true&'),
  asked('/files/stat?'),
  asked('/files/raw?'),
  async (caller, coded) => await caller.rest('POST', '/files/transfer/download', { paths_base64: [coded] }),
  tool('file_read'),
  tool('file_stat'),
]
const WRITING: readonly Go[] = [
  sent('DELETE', '/files/delete'),
  sent('POST', '/files/write', { content: 'x' }),
  sent('POST', '/files/write', { content: 'x', append: true }),
  sent('POST', '/files/move', { to: 'work-moved' }),
  sent('POST', '/files/copy', { to: 'work-copied' }),
  sent('POST', '/files/chmod', { mode: '0777' }),
  async (caller, coded) =>
    await caller.rest('POST', '/files/move', { path: 'plain', to_base64: coded, overwrite: true }),
  async (caller, coded) => await caller.rest('PUT', `/files/raw?path_base64=${encodeURIComponent(coded)}`, 'x'),
  tool('file_delete'),
  tool('file_write', { content: 'x' }),
  tool('file_move', { to: 'work-moved' }),
]

/** Spellings of what is ours. */
const OURS = [
  'd\xe4/state/workspace-runtime/kept',
  'd\xe4/./state/../state//workspace-runtime/kept',
  'work/../d\xe4/state/workspace-runtime/kept',
  'ours/state/workspace-runtime/kept',
  'work/by\xff/state/workspace-runtime/kept',
] as const

t.test('own files are refused under every spelling of their bytes', async (t) => {
  const { daemon, bytes } = await openStand(t)
  writeFileSync(bytes('work/plain'), '')
  const [reader, writer] = [callerOf(daemon, 'files:read'), callerOf(daemon, 'files:write')]
  const rooted = Buffer.concat([Buffer.from('/proc/self/root'), bytes(OURS[0])])
  for (const path of [...OURS.map(bytes), rooted]) {
    for (const [scope, doors] of [
      [reader, READING],
      [writer, WRITING],
    ] as const) {
      for (const [index, go] of doors.entries()) {
        const { status, text } = await go(scope, path.toString('base64'))
        t.equal(status, 403, `${path.toString('latin1')} ${index} ${text.slice(0, 200)}`)
        t.notMatch(text, CANARY)
      }
    }
    t.equal(readFileSync(bytes(OURS[0]), 'utf8'), CANARY)
  }
  for (const path of ['d\xe4', 'd\xe4/state']) {
    const { status } = await sent('DELETE', '/files/delete')(writer, bytes(path).toString('base64'))
    t.equal(status, 403, path)
  }
  t.strictSame(readdirSync(bytes('work')).includes('work-moved'), false)
})

t.test('a walk of bytes leaves out what is ours, and tells the bytes of the rest', async (t) => {
  const { daemon, bytes } = await openStand(t)
  const all = '&nested=true&flatten=true&use_gitignore=false&include_content=true'
  const { status, text } = await asked(`/files?${all}&`)(
    callerOf(daemon, 'files:read'),
    bytes('d\xe4').toString('base64'),
  )
  t.equal(status, 200, text)
  t.notMatch(text, CANARY)
  t.notMatch(text, '"kept"')
  const work = await asked(`/files?${all}&`)(callerOf(daemon, 'files:read'), bytes('work').toString('base64'))
  t.match(work.text, `"path_base64":"${bytes('work/w\xff/free\xfe').toString('base64')}"`)
  const inner = await asked(`/files?${all}&`)(callerOf(daemon, 'files:read'), bytes('work/w\xff').toString('base64'))
  t.match(inner.text, `"path_base64":"${bytes('work/w\xff/free\xfe').toString('base64')}"`)
})

t.test('a search of content by bytes finds nothing of ours', async (t) => {
  const { daemon, bytes } = await openStand(t)
  const searcher = callerOf(daemon, 'search')
  const search = asked('/files/search?q=canary&use_gitignore=false&include_hidden=true&')
  for (const path of [OURS[0], OURS[4], 'd\xe4/state/workspace-runtime']) {
    const { status, text } = await search(searcher, bytes(path).toString('base64'))
    t.equal(status, 403, text)
  }
  for (const path of ['d\xe4', 'work/by\xff']) {
    const { status, text } = await search(searcher, bytes(path).toString('base64'))
    t.equal(status, 200, text)
    t.notMatch(text, CANARY)
  }
  const free = asked('/files/search?q=free&')
  const found = await free(searcher, bytes('work/w\xff').toString('base64'))
  t.match(found.text, bytes('work/w\xff/free\xfe').toString('base64'))
})

t.test('what is not ours is read, written and deleted with limited scopes too', async (t) => {
  const { daemon, bytes } = await openStand(t)
  const [reader, writer] = [callerOf(daemon, 'files:read'), callerOf(daemon, 'files:write')]
  const free = bytes('work/w\xff/free\xfe')
  for (const [index, go] of READING.entries()) {
    const { status, text } = await go(reader, free.toString('base64'))
    t.equal(status, 200, `${index} ${text}`)
  }
  t.equal((await sent('POST', '/files/write', { content: 'new' })(writer, free.toString('base64'))).status, 201)
  t.equal(readFileSync(free, 'utf8'), 'new')
  const to_base64 = bytes('work/w\xff/moved\xfe').toString('base64')
  t.equal((await sent('POST', '/files/move', { to_base64 })(writer, free.toString('base64'))).status, 200)
  t.equal((await sent('DELETE', '/files/delete')(writer, to_base64)).status, 200)
  t.strictSame(readdirSync(bytes('work/w\xff')), [])
})
