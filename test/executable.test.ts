// dist/workspace-runtime on its own (`npm test` builds it first): from a folder without node_modules, with a PATH that has neither node
// nor rg, it tells its versions, serves, runs commands, searches with the ripgrep it carries, and keeps
// stderr clean.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { pathWithout } from './support/path-without.ts'

const EXECUTABLE = join(import.meta.dirname, '../dist/workspace-runtime')
process.env['RUNTIME_UNDER_TEST'] = EXECUTABLE
const { startDaemon } = await import('./support/daemon.ts') // reads the variable when it is loaded

const version = (): string => JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')).version

t.test('it is there, one file that anybody may run', async (t) => {
  t.ok(existsSync(EXECUTABLE), 'npm run build has made it')
  t.equal(statSync(EXECUTABLE).mode & 0o555, 0o555)
})

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
  const { stderr, status } = spawnSync(EXECUTABLE, ['--port', '0'], { env, encoding: 'utf8', timeout: 15_000 })
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
