// dist/workspace-runtime on its own (`npm test` builds it first): from a folder without node_modules, with a
// PATH that has neither node nor rg, it tells its versions, serves, runs commands, searches with the ripgrep
// it carries, and keeps stderr clean. What it unpacks is unpacked once, and only where no other user can touch it.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { highestVersion, readElf } from '../scripts/build/elf.ts'
import { bind, ground, NO_MOUNTS } from './support/mounting.ts'
import { pathWithout } from './support/command.ts'
import { until } from './support/until.ts'

const EXECUTABLE = join(import.meta.dirname, '../dist/workspace-runtime')
process.env['RUNTIME_UNDER_TEST'] = EXECUTABLE
const { startDaemon, TOKEN } = await import('./support/daemon.ts') // reads the variable when it is loaded

const version = (): string => JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')).version

t.test('it is there, one file that anybody may run', async (t) => {
  t.ok(existsSync(EXECUTABLE), 'npm run build has made it')
  t.equal(statSync(EXECUTABLE).mode & 0o555, 0o555)
})

t.test('it needs glibc 2.28, libstdc++6 and nothing else', async (t) => {
  const { arch, libraries, versions } = readElf(EXECUTABLE)
  t.equal(arch, process.arch)
  const loader = arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2'
  // libgcc_s.so.1 is of libgcc-s1, which libstdc++6 depends on; the others are glibc's.
  const glibc = ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', loader]
  t.same(libraries.toSorted(), [...glibc, 'libstdc++.so.6', 'libgcc_s.so.1'].toSorted())
  t.equal(highestVersion('GLIBC', [{ arch, libraries, versions }]), '2.28')
})

t.test(
  'a root with no more than those libraries, /dev/null and /dev/urandom is enough',
  { skip: NO_MOUNTS },
  async (t) => {
    const at = ground(t)
    const root = join(at.dir, 'root')
    // The Node that runs this test is the one inside; the first of its objects is itself, one is the kernel's.
    const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] } // as documented
    for (const path of sharedObjects.slice(1).filter((name) => name.startsWith('/'))) {
      mkdirSync(join(root, dirname(path)), { recursive: true })
      copyFileSync(path, join(root, path))
    }
    for (const name of ['tmp', 'dev']) mkdirSync(join(root, name))
    // Each by itself: a whole /dev left mounted here could be emptied by who cleans up.
    for (const device of ['/dev/null', '/dev/urandom']) {
      writeFileSync(join(root, device), '')
      bind(at, device, join(root, device))
    }
    copyFileSync(EXECUTABLE, join(root, 'workspace-runtime'))
    const command = [root, '/workspace-runtime', '--port', '0', '--workdir', '/']
    const env = { HOME: '/', RUNTIME_TOKEN: TOKEN, PATH: process.env['PATH'] }
    const child = spawn('chroot', command, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    await until('it is ready', () => said.includes('ready on http:'))
    const url = /http:[^,\s]+/.exec(said)?.[0]
    const reply = await fetch(`${url}/exec`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ command: ['/workspace-runtime', '--version'] }),
    })
    t.match(await reply.json(), { exit_code: 0, stdout: `workspace-runtime ${version()}\n` }, said)
    child.kill('SIGTERM')
    t.same(await ended, [0, null])
  },
)

t.test('--version tells version, commit, Node and ripgrep, without unpacking anything', async (t) => {
  const directory = t.testdir()
  const env = { HOME: directory, PATH: '/nonexistent' }
  const { stdout, stderr, status } = spawnSync(EXECUTABLE, ['--version'], { cwd: directory, env, encoding: 'utf8' })
  t.equal(status, 0)
  t.equal(stderr, '')
  t.match(stdout, /^workspace-runtime \S+\ncommit \S+\nnode v24\.\d+\.\d+\nripgrep \d+\.\d+\.\d+\n$/)
  t.ok(stdout.startsWith(`workspace-runtime ${version()}\n`))
  t.same(readdirSync(directory), [])
})

t.test('it runs commands and searches with what it carries', async (t) => {
  const directory = t.testdir({ tree: { 'a.txt': 'one\nneedle here\n', 'b.txt': 'two\n' }, empty: {} })
  const cache = join(directory, 'cache')
  const daemon = await startDaemon(t, {
    cwd: join(directory, 'empty'),
    // A workspace's NODE_OPTIONS are not for the daemon; this one would stop any node that read it.
    env: {
      XDG_CACHE_HOME: cache,
      PATH: pathWithout(join(directory, 'bin'), ['node', 'rg']),
      NODE_OPTIONS: '--no-such-option',
    },
  })
  const health = await fetch(`${daemon.url}/health`)
  t.equal(health.status, 200)
  t.match(await health.json(), { status: 'ok' })

  const run = await daemon.call('POST', '/exec', { command: ['sh', '-c', 'echo out; echo err >&2; exit 3'] })
  t.equal(run.status, 200)
  t.match(run.body, { success: true, stdout: 'out\n', stderr: 'err\n', exit_code: 3 })
  const none = await daemon.call('POST', '/exec', { command: ['sh', '-c', 'command -v node rg'] })
  t.match(none.body, { stdout: '' }, 'neither node nor rg is on the PATH')

  const tool = await daemon.call('GET', '/files/search/init')
  t.match(tool.body, { success: true, installed: true, version: /^ripgrep \d+\./ })
  t.ok(String(tool.body.path).startsWith(`${cache}/workspace-runtime/`), 'the unpacked one')
  const tree = encodeURIComponent(join(directory, 'tree'))
  const found = await daemon.call('GET', `/files/search?q=needle&path=${tree}`)
  t.match(found.body, { success: true, total_matches: 1, results: { 'a.txt': [{ line: 2, text: 'needle here' }] } })
  const listed = await daemon.call('GET', `/files?path=${tree}`)
  t.equal(listed.status, 200, 'a worker from the executable walks')

  const unpacked = join(cache, 'workspace-runtime')
  t.equal(statSync(unpacked).mode & 0o777, 0o700)
  t.match(readdirSync(unpacked).toSorted().join(' '), /^[0-9a-f]{16}-(koffi\.node|rg) [0-9a-f]{16}-(koffi\.node|rg)$/)

  t.equal(await daemon.stop('SIGTERM'), 0)
  const lines = daemon.stderr().trimEnd().split('\n')
  t.notMatch(daemon.stderr(), /warning|experimental|deprecat/i)
  t.match(lines[0], /^workspace-runtime: ready on http:/)
})

t.test('C-08 where nothing can be unpacked the start ends with one line that says what to change', (t) => {
  const blocked = join(t.testdir({ blocked: '' }), 'blocked')
  const env = { RUNTIME_TOKEN: 't'.repeat(40), XDG_CACHE_HOME: blocked, TMPDIR: blocked, HOME: blocked }
  const { stderr, status } = spawnSync(EXECUTABLE, ['--port', '0'], { env, encoding: 'utf8', timeout: 300_000 })
  t.equal(status, 2)
  t.match(stderr, /^workspace-runtime: koffi\.node cannot be unpacked: [^\n]*; set XDG_CACHE_HOME [^\n]*\n$/)
  t.end()
})

t.test('where the cache cannot be written it serves all the same, and leaves nothing behind', async (t) => {
  const directory = t.testdir({ 'in-the-way': '' })
  const temporary = join(directory, 'tmp')
  mkdirSync(temporary)
  const daemon = await startDaemon(t, { env: { XDG_CACHE_HOME: join(directory, 'in-the-way'), TMPDIR: temporary } })
  t.match((await daemon.call('POST', '/exec', { command: ['echo', 'hi'] })).body, { stdout: 'hi\n', exit_code: 0 })
  t.match((await daemon.call('GET', '/files/search/init')).body, { installed: true })
  t.equal(await daemon.stop(), 0)
  t.same(readdirSync(temporary), [], 'the temporary directory is gone')
})

t.test('two starts at once with nothing unpacked yet: both serve, and no more is there than after one', async (t) => {
  const { dir } = ground(t)
  const [cache, workspace] = [join(dir, 'cache'), join(dir, 'workspace')]
  mkdirSync(workspace)
  for (let round = 0; round < 20; round++) {
    rmSync(cache, { recursive: true, force: true })
    const codes = await Promise.all([startAndStop(cache, workspace), startAndStop(cache, workspace)])
    if (codes.some((code) => code !== 0)) return t.same(codes, [0, 0], `round ${round}`)
    const names = readdirSync(join(cache, 'workspace-runtime'))
    if (names.length !== 2) return t.same(names, ['koffi.node', 'rg'], `round ${round}`)
  }
  const unpacked = join(cache, 'workspace-runtime')
  const inodes = (): number[] => readdirSync(unpacked).map((name) => statSync(join(unpacked, name)).ino)
  const before = inodes()
  t.equal(await startAndStop(cache, workspace), 0)
  t.same(inodes(), before, 'a later start writes nothing')
})

t.test('a cache that others could touch is not used, nor a temporary directory that they could', async (t) => {
  const { dir } = ground(t)
  for (const name of ['open', 'open/workspace-runtime', 'private', 'target']) mkdirSync(join(dir, name))
  chmodSync(join(dir, 'open'), 0o777)
  const env = { RUNTIME_TOKEN: 't'.repeat(40), HOME: dir, XDG_CACHE_HOME: join(dir, 'open') }
  const refused = spawnSync(EXECUTABLE, ['--port', '0'], {
    env: { ...env, TMPDIR: join(dir, 'open') },
    encoding: 'utf8',
    timeout: 300_000,
  })
  t.equal(refused.status, 2)
  t.match(
    refused.stderr,
    /open may be written by everybody; [^\n]*open may be written by everybody; set XDG_CACHE_HOME/,
  )
  t.same(readdirSync(join(dir, 'open')), ['workspace-runtime'])
  t.same(readdirSync(join(dir, 'open/workspace-runtime')), [])

  symlinkSync('../target', join(dir, 'private/workspace-runtime'))
  const daemon = await startDaemon(t, { env: { XDG_CACHE_HOME: join(dir, 'private'), TMPDIR: dir } })
  t.equal((await daemon.call('POST', '/exec', { command: ['true'] })).status, 200)
  t.equal(await daemon.stop(), 0)
  t.same(readdirSync(join(dir, 'target')), [], 'nothing was unpacked through the link')
})

t.test('a read-only temporary directory does not matter where there is a cache', { skip: NO_MOUNTS }, async (t) => {
  const at = ground(t)
  const temporary = join(at.dir, 'tmp')
  mkdirSync(temporary)
  bind(at, temporary, temporary, 'ro')
  const daemon = await startDaemon(t, { env: { XDG_CACHE_HOME: join(at.dir, 'cache'), TMPDIR: temporary } })
  t.match((await daemon.call('POST', '/exec', { command: ['echo', 'hi'] })).body, { stdout: 'hi\n' })
  t.equal(await daemon.stop(), 0)
})

/** A daemon with an empty state; its exit code after SIGTERM, or what it said if it was never ready. */
async function startAndStop(cache: string, workspace: string): Promise<number | string | null> {
  const env = { HOME: workspace, XDG_CACHE_HOME: cache, RUNTIME_TOKEN: 't'.repeat(40) }
  const child = spawn(EXECUTABLE, ['--port', '0', '--workdir', workspace], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'exit') as Promise<[number | null]>
  let said = ''
  let ready = false
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (ready || !said.includes('ready on http:')) return
    ready = true
    child.kill('SIGTERM') // once: a second one ends it at once, with 1
  })
  const [code] = await ended
  return ready ? code : said
}

t.test('unpacked files that hold something else are written anew, each at its first use', async (t) => {
  const { dir } = ground(t)
  const cache = join(dir, 'cache')
  const env = { XDG_CACHE_HOME: cache }
  await (await startDaemon(t, { env })).stop()
  const unpacked = join(cache, 'workspace-runtime')
  const names = readdirSync(unpacked)
  t.equal(names.length, 2)
  for (const name of names) writeFileSync(join(unpacked, name), Buffer.alloc(statSync(join(unpacked, name)).size))
  const daemon = await startDaemon(t, { env })
  t.equal((await daemon.call('POST', '/exec', { command: 'true' })).body.exit_code, 0)
  writeFileSync(join(dir, 'a.txt'), 'needle')
  const found = await daemon.call('GET', `/files/search?q=needle&path=${encodeURIComponent(dir)}`)
  t.equal(found.body.total_matches, 1)
  for (const name of names)
    t.ok(
      readFileSync(join(unpacked, name)).some((byte) => byte !== 0),
      name,
    )
  t.same(readdirSync(unpacked), names, 'nothing is left aside')
})
