// Another user exchanges directories of his for links while the daemon, as root, is asked for innocent calls in them:
// whatever comes of each call, nothing outside of his directory is deleted, changes its owner or permissions, or gets
// a temporary file. The daemon runs in a mount namespace of its own, whose /boot is the test's.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon, type Reply } from '../support/daemon.ts'
import { ground, NO_MOUNTS, NO_ROOT } from '../support/mounting.ts'
import { archive, member } from '../support/tar-writer.ts'

const NOBODY = 65534
const ATTEMPTS = Number(process.env['ATTEMPTS'] ?? 200)
const SCRIPT = join(import.meta.dirname, '../support/programs/exchanger.ts')
const OWN_BOOT = 'mount -t tmpfs -o mode=755 none /boot && exec "$@"'
const NAMESPACE = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', OWN_BOOT, 'sh'] as const

const haveNamespaces =
  NO_ROOT === false && spawnSync('unshare', ['--mount', '--propagation', 'private', 'true']).status === 0
const skip = NO_ROOT || NO_MOUNTS || (haveNamespaces ? false : 'no mount namespaces')

interface Yard {
  readonly daemon: Daemon
  /** Nobody's own directory. */
  readonly dir: string
  /** Root's; what is in it is not to change. */
  readonly foreign: string
  /** /boot of the daemon, as it is seen from here. */
  readonly boot: string
}

async function openYard(t: Test): Promise<Yard> {
  const { dir } = ground(t)
  chmodSync(dir, 0o755)
  const own = join(dir, 'yard')
  mkdirSync(own)
  chownSync(own, NOBODY, NOBODY)
  const foreign = join(dir, 'foreign')
  mkdirSync(foreign)
  const daemon = await startDaemon(t, { wrapper: NAMESPACE, config: { files: { durable: false } } })
  return { daemon, dir: own, foreign, boot: `/proc/${daemon.pid}/root/boot` }
}

/** Starts the other user; he ends with the test. */
async function exchanger(t: Test, ...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  })
  await once(child.stdout, 'data')
}

/** A directory of nobody's, reached by a descriptor: its name changes all the time. */
function ownDirectory(t: Test, path: string): (name: string) => string {
  mkdirSync(path)
  chownSync(path, NOBODY, NOBODY)
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  return (name) => `/proc/self/fd/${fd}/${name}`
}

function nobodys(path: string, content?: string): void {
  if (content === undefined) mkdirSync(path, { recursive: true })
  else writeFileSync(path, content)
  chownSync(path, NOBODY, NOBODY)
}

interface Attack {
  readonly name: string
  /** Lays out what the call is about. */
  readonly before: () => void
  readonly call: () => Promise<{ readonly status: number }>
  /** What went wrong, if anything; puts it right for the next attempt. */
  readonly broken: () => string | undefined
}

async function attacked(t: Test, { name, before, call, broken }: Attack): Promise<void> {
  let breaks = 0
  let first = ''
  const statuses = new Map<number, number>()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    before()
    const { status } = await call()
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    const what = broken()
    if (what === undefined) continue
    breaks++
    first ||= `after ${attempt + 1}: ${what}`
  }
  t.comment(
    `${name}: ${ATTEMPTS} attempts, ${breaks} breaks ${first}; ${JSON.stringify([...statuses].toSorted(([a], [b]) => a - b))}`,
  )
  t.equal(breaks, 0, `${name} ${first}`)
  const odd = [...statuses.keys()].filter((status) => ![200, 201, 400, 403, 404, 409].includes(status))
  t.same(odd, [], `${name}: clean answers`)
}

const temporaries = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('~'))

t.test('a parent is exchanged with a link to / while what is in it is deleted or changed', { skip }, async (t) => {
  const { daemon, dir, boot } = await openYard(t)
  const parent = join(dir, 'parent')
  const own = ownDirectory(t, parent)
  symlinkSync('/', join(dir, 'link'))
  await exchanger(t, 'exchange', parent, join(dir, 'link'))
  const lay = (): void => {
    nobodys(own('boot'))
    nobodys(own('boot/file'), 'x')
    if (!existsSync(join(boot, 'kernel'))) writeFileSync(join(boot, 'kernel'), 'x', { mode: 0o600 })
  }
  const broken = (): string | undefined => {
    if (!existsSync(join(boot, 'kernel'))) return '/boot was emptied'
    const modes = [boot, join(boot, 'kernel')].map((path) => (lstatSync(path).mode & 0o7777).toString(8))
    chmodSync(boot, 0o755)
    chmodSync(join(boot, 'kernel'), 0o600)
    return modes.join() === '755,600' ? undefined : `/boot and a file in it have ${modes.join()}`
  }
  const path = join(parent, 'boot')
  const attack = { before: lay, broken }
  await attacked(t, { name: 'delete', call: () => daemon.call('POST', '/files/delete', { path }), ...attack })
  const chmod = (more: object) => () => daemon.call('POST', '/files/chmod', { path, mode: '0777', ...more })
  await attacked(t, { name: 'chmod', call: chmod({}), ...attack })
  await attacked(t, { name: 'chmod of a tree', call: chmod({ recursive: true }), ...attack })
})

t.test(
  'a parent is exchanged with a link to a directory of root while a file in it is written',
  { skip },
  async (t) => {
    const { daemon, dir, foreign } = await openYard(t)
    const parent = join(dir, 'parent')
    const own = ownDirectory(t, parent)
    symlinkSync(foreign, join(dir, 'link'))
    await exchanger(t, 'exchange', parent, join(dir, 'link'))
    const rc = join(foreign, 'rc')
    const before = (): void => {
      nobodys(own('rc'), 'own')
      writeFileSync(rc, 'content', { mode: 0o600 })
      chownSync(rc, 0, 0)
      chmodSync(rc, 0o600)
      writeFileSync(join(dir, 'source'), 'new', { mode: 0o644 })
    }
    const broken = (): string | undefined => {
      const left = temporaries(foreign)
      for (const name of left) rmSync(join(foreign, name), { recursive: true })
      if (left.length > 0) return `a temporary file in the foreign directory: ${left.join()}`
      const { uid, gid, mode } = lstatSync(rc)
      return uid === 0 && gid === 0 && (mode & 0o7077) === 0
        ? undefined
        : `its file is ${(mode & 0o7777).toString(8)} of ${uid}:${gid}`
    }
    const path = join(parent, 'rc')
    const write = (more: object) => () => daemon.call('POST', '/files/write', { path, content: 'x', ...more })
    await attacked(t, { name: 'write', call: write({}), before, broken })
    await attacked(t, { name: 'append', call: write({ append: true }), before, broken })
    const raw = () => daemon.call('PUT', `/files/raw?path=${path}`, 'x', { 'content-type': 'text/plain' })
    await attacked(t, { name: 'raw PUT', call: raw, before, broken })
    const upload = () =>
      daemon.call('POST', `/files/transfer/upload?format=raw&dest=${path}`, 'x', { 'content-type': 'text/plain' })
    await attacked(t, { name: 'raw upload', call: upload, before, broken })
    // What is copied or moved brings its own owner and permissions: only what is left over is a break.
    const left = (): string | undefined => ((broken() ?? '').startsWith('a temporary') ? 'a temporary file' : undefined)
    const relocate = (how: string) => () =>
      daemon.call('POST', `/files/${how}`, { path: join(dir, 'source'), to: path, overwrite: true })
    await attacked(t, { name: 'copy', call: relocate('copy'), before, broken: left })
    await attacked(t, { name: 'move', call: relocate('move'), before, broken: left })
  },
)

t.test('a new directory is exchanged for a link before it gets its permissions', { skip }, async (t) => {
  const { daemon, dir, foreign } = await openYard(t)
  const place = join(dir, 'new')
  const secret = join(foreign, 'secret')
  writeFileSync(secret, 'x', { mode: 0o600 })
  writeFileSync(join(dir, 'source'), 'x')
  await exchanger(t, 'replace', place, secret)
  const before = (): void => {}
  const broken = (): string | undefined => {
    const mode = lstatSync(secret).mode & 0o7777
    chmodSync(secret, 0o600)
    return mode === 0o600 ? undefined : `a file of root has ${mode.toString(8)}`
  }
  const attack = { before, broken }
  const post = (route: string, body: object) => () => daemon.call('POST', route, body)
  await attacked(t, { name: 'mkdir', call: post('/files/mkdir', { path: place, mode: '0777' }), ...attack })
  await attacked(t, { name: 'mkdir below', call: post('/files/mkdir', { path: join(place, 'a/b') }), ...attack })
  const content = { path: join(place, 'file'), content: 'x', create_dirs: true }
  await attacked(t, { name: 'write with create_dirs', call: post('/files/write', content), ...attack })
  const ends = { path: join(dir, 'source'), to: join(place, 'file'), create_dirs: true, overwrite: true }
  await attacked(t, { name: 'copy with create_dirs', call: post('/files/copy', ends), ...attack })
  const bytes = archive(member({ name: 'file', content: 'x' }))
  const upload = () =>
    daemon.call('POST', `/files/transfer/upload?dest=${place}`, bytes, { 'content-type': 'application/x-tar' })
  await attacked(t, { name: 'upload', call: upload, ...attack })
})

t.test('a directory is exchanged with a link to one of root while the tree around it is read', { skip }, async (t) => {
  const { daemon, dir, foreign } = await openYard(t)
  const tree = join(dir, 'tree')
  const inner = join(tree, 'inner')
  const own = ownDirectory(t, tree)
  for (const name of ['inner', 'inner/sub']) nobodys(own(name))
  for (const name of ['inner/file', 'inner/sub/file']) nobodys(own(name), 'own')
  mkdirSync(join(foreign, 'sub'))
  for (const name of ['file', 'sub/file', 'sub/roots-name'])
    writeFileSync(join(foreign, name), 'SECRET', { mode: 0o600 })
  chmodSync(foreign, 0o700)
  symlinkSync(foreign, join(dir, 'link'))
  await exchanger(t, 'exchange', inner, join(dir, 'link'))
  const hash = createHash('sha256').update('SECRET').digest('hex')
  const reads: Record<string, () => Promise<Reply>> = {
    list: () => daemon.call('GET', `/files?path=${tree}&nested=true&include_content=true&include_hash=true`),
    stream: () => daemon.call('GET', `/files/stream?path=${tree}&include_content=true`),
    names: () => daemon.call('GET', `/files/search/files?path=${tree}&q=name`),
    download: () => daemon.call('POST', '/files/transfer/download', { paths: [tree], format: 'tar' }),
  }
  for (const [name, read] of Object.entries(reads)) {
    let breaks = 0
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { body } = await read()
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      if (['SECRET', hash, 'roots-name'].some((one) => text.includes(one))) breaks++
    }
    t.comment(`${name}: ${ATTEMPTS} attempts, ${breaks} breaks`)
    t.equal(breaks, 0, `${name} holds nothing of root's`)
  }
})
