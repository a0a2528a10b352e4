// A disk that is full, with everything the daemon keeps on it (Z-05): what needs no room goes on, what
// does is refused with 507 and leaves what was there, and it can be started again as it is.

import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon, type DaemonOptions } from '../support/daemon.ts'
import { ground, NO_MOUNTS, tmpfs } from '../support/mounting.ts'
import { until } from '../support/until.ts'

const KIB = 1024

interface Place {
  readonly disk: string
  readonly options: DaemonOptions
}

/** Home, state, working and temporary directory on one small disk. */
function smallDisk(t: Test): Place {
  const disk = tmpfs(ground(t), 'size=2M')
  for (const name of ['state', 'work', 'tmp']) mkdirSync(join(disk, name))
  const env = {
    HOME: disk,
    XDG_STATE_HOME: join(disk, 'state'),
    TMPDIR: join(disk, 'tmp'),
    RUNTIME_TOKEN: undefined as never,
  }
  return { disk, options: { env, args: ['--workdir', join(disk, 'work')] } }
}

/** Until not a byte fits. */
function fill(disk: string): string {
  const path = join(disk, 'ballast')
  const fd = openSync(path, 'a')
  for (let piece = 64 * KIB; piece >= 1;) {
    try {
      writeSync(fd, Buffer.alloc(piece))
    } catch {
      piece = Math.floor(piece / 2)
    }
  }
  closeSync(fd)
  return path
}

const authorization = ({ disk }: Place) => ({
  authorization: `Bearer ${readFileSync(join(disk, 'state/workspace-runtime/token'), 'utf8').trim()}`,
})

/** What needs no room works, what needs some is refused. */
async function check(t: Test, daemon: Daemon, place: Place): Promise<void> {
  const headers = authorization(place)
  const call = (method: string, path: string, body?: unknown) => daemon.call(method, path, body, headers)
  const kept = join(place.disk, 'work/kept')
  t.match(await call('GET', `/files/read?path=${kept}`), { status: 200, body: { content: 'kept' } })
  t.match(await call('GET', `/files?path=${place.disk}/work`), { status: 200 })
  t.match(await call('GET', `/files/search?path=${place.disk}/work&q=kept`), {
    status: 200,
    body: { total_matches: 1 },
  })
  t.match(await call('POST', '/exec', { command: ['echo', 'runs'] }), { status: 200, body: { stdout: 'runs\n' } })
  const long = { command: ['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\\\0" x'] }
  t.equal((await call('POST', '/exec', long)).body.stdout.length, 3_000_000, 'more than there is room for')
  const terminal = await call('POST', '/terminals', { command: ['sh', '-c', 'echo there; exec sleep 60'] })
  t.equal(terminal.status, 201)
  const shown = async () => JSON.stringify((await call('GET', `/terminals/${terminal.body.id}/scrollback`)).body)
  await until('the terminal shows what was printed', async () => /there|dGhlcmU/.test(await shown()))
  t.equal((await call('DELETE', `/terminals/${terminal.body.id}`)).status, 200)
  const refused = { status: 507, body: { code: 'insufficient_storage' } }
  const content = 'x'.repeat(64 * KIB)
  t.match(await call('POST', '/files/write', { path: kept, content }), refused)
  t.match(await call('POST', '/files/write', { path: `${place.disk}/work/new`, content }), refused)
  t.match(await call('PUT', `/files/raw?path=${kept}`, content), refused)
  const script = { command: `: ${'x'.repeat(200_000)}` }
  t.match((await call('POST', '/exec', script)).status, /^(200|507)$/, 'a script too long for an argument')
  t.equal(readFileSync(kept, 'utf8'), 'kept')
  t.equal(statfsSync(place.disk).bfree, 0, 'and nothing was left or taken away')
}

t.test(
  'Z-05 the disk is full: reading, commands and terminals work, writing is 507, and a start too',
  { skip: NO_MOUNTS },
  async (t) => {
    const place = smallDisk(t)
    writeFileSync(join(place.disk, 'work/kept'), 'kept')
    const first = await startDaemon(t, place.options)
    const ballast = fill(place.disk)
    await check(t, first, place)
    t.equal(await first.stop(), 0)
    const second = await startDaemon(t, place.options)
    await check(t, second, place)
    rmSync(ballast)
    const written = await second.call(
      'POST',
      '/files/write',
      { path: `${place.disk}/work/new`, content: 'new' },
      authorization(place),
    )
    t.equal(written.status, 201, 'once there is room')
    t.equal(await second.stop(), 0)
  },
)

t.test('Z-05 a first start with no room for the token says what is wrong', { skip: NO_MOUNTS }, async (t) => {
  const place = smallDisk(t)
  fill(place.disk)
  const failed = await startDaemon(t, place.options).catch((error: unknown) => String(error))
  t.match(failed, /workspace-runtime: [^\n]*(ENOSPC|no space)[^\n]*\n/)
  t.equal(execFileSync('find', [join(place.disk, 'state'), '-type', 'f'], { encoding: 'utf8' }), '', 'no half token')
})
