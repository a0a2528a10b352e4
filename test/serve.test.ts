// One daemon's life at its outer edge: what ends a start, what it says when ready, where the token comes
// from, what a signal does (configuration.md, C-01).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { COMMAND, startDaemon, TOKEN } from './support/daemon.ts'
import { runs } from './support/exec.ts'
import { until } from './support/until.ts'

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command to its end with nothing of the test's environment but what is given. */
async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const [command = '', ...first] = COMMAND
  const child = spawn(command, [...first, ...args], { env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const timer = setTimeout(() => child.kill('SIGKILL'), 300_000)
  await once(child, 'close')
  clearTimeout(timer)
  return { code: child.exitCode, stdout, stderr }
}

t.test('A-03 what is wrong ends the start with exit code 2 and one clear line', async (t) => {
  const dir = t.testdir({
    'empty-token': '',
    'short-token': 'short\n',
    'broken.json': '{"port": ',
    'quoted.json': `{"token":\n${TOKEN}}`,
    'nohost.json': '{"host": ""}',
    'unknown.json': '{"prot": 1}',
    'nested.json': '{"$schema": "./config.schema.json", "jwt": {"audiance": "a"}}',
    'engine.json': '{"search":{"engine":"auto"}}',
    'wrong.json': '{"limits": {"execs": 1000}}',
    'keys.json': '{"jwt": {"secret_file": "/x", "jwks_url": "https://keys.example"}}',
    'jwks-null.json': '{"keys": [null]}',
    'jwks.json': `{"jwt": {"jwks_file": "${t.testdirName}/jwks-null.json"}}`,
    'target-url.json': '{"targets": {"far": {"url": "far.example", "token": "t"}}}',
    'target-id.json': '{"targets": {"Far": {"url": "http://far.example", "token": "t"}}}',
    'target-token.json': '{"targets": {"far": {"url": "http://far.example", "token": "a\\nb"}}}',
    'origin.json': '{"cors": {"origins": ["https://Console.example/"]}}',
    'hosts.json': '{"allowed_hosts": ["a.example:80"]}',
    'variable.json': '{"exec": {"env": {"A=B": "x"}}}',
    file: 'x',
  })
  const home = { HOME: dir }
  const wrong: [string, readonly string[], Record<string, string>, RegExp][] = [
    ['an empty token', [], { RUNTIME_TOKEN: '' }, /token in RUNTIME_TOKEN/],
    ['a short token', [], { RUNTIME_TOKEN: 'x'.repeat(31) }, /32/],
    ['white space as token', [], { RUNTIME_TOKEN: ' '.repeat(40) }, /token/],
    ['an empty token file', ['--token-file', join(dir, 'empty-token')], {}, /empty-token/],
    ['a short token file', ['--token-file', join(dir, 'short-token')], {}, /short-token/],
    ['no token file', ['--token-file', join(dir, 'nowhere')], {}, /nowhere/],
    ['a token file that is a folder', ['--token-file', dir], {}, /token file/],
    ['an unknown flag', ['--prot', '1'], {}, /no option --prot; did you mean --port\?/],
    ['a flag without its value', ['--host'], {}, /--host needs a value/],
    ['a value for a flag that has none', ['--help=1'], {}, /--help takes no value/],
    ['an empty address, which would be every one', ['--host='], {}, /--host is empty/],
    ['an empty address from the environment', [], { RUNTIME_HOST: '' }, /RUNTIME_HOST is empty/],
    ['an empty address in the file', ['--config', join(dir, 'nohost.json')], {}, /nohost\.json is wrong: host /],
    ['an unknown command', ['sevre'], {}, /no command "sevre"/],
    ['a port out of range', ['--port', '65536'], {}, /port is "65536"; accepted is a number from 0 to 65535/],
    ['a port from the environment', [], { RUNTIME_PORT: 'x' }, /port is "x"/],
    ['a log level', ['--log-level', 'loud'], {}, /log level is "loud"; accepted are debug/],
    ['a working directory', ['--workdir', join(dir, 'file')], {}, /working directory/],
    ['an address of elsewhere', ['--host', '192.0.2.1'], {}, /address 192\.0\.2\.1/],
    [
      'configuration that is not JSON',
      ['--config', join(dir, 'broken.json')],
      {},
      /broken\.json cannot be read as JSON/,
    ],
    [
      'configuration that is not JSON is not quoted',
      ['--config', join(dir, 'quoted.json')],
      {},
      /quoted\.json cannot be read as JSON: [^:\n]*\n$/,
    ],
    ['configuration that is not there', ['--config', join(dir, 'nowhere.json')], {}, /nowhere\.json .*ENOENT/],
    [
      'an unknown key',
      ['--config', join(dir, 'unknown.json')],
      {},
      /unknown\.json is wrong: it has the unknown key prot; did you mean port\?/,
    ],
    [
      'a key of an earlier version',
      ['--config', join(dir, 'engine.json')],
      {},
      /has the unknown key search: search\.engine chose .*; remove it/,
    ],
    [
      'an unknown key below another',
      ['--config', join(dir, 'nested.json')],
      {},
      /key jwt\.audiance; did you mean jwt\.audience\?/,
    ],
    [
      'a value out of range',
      ['--config', join(dir, 'wrong.json')],
      {},
      /wrong\.json is wrong: limits\.execs must be <= 256/,
    ],
    ['a key set with an entry that is no key', ['--config', join(dir, 'jwks.json')], {}, /keys\[0\] .* is not a key/],
    ['a target without a scheme', ['--config', join(dir, 'target-url.json')], {}, /targets\.far\.url is not accepted/],
    ['a target that no path reaches', ['--config', join(dir, 'target-id.json')], {}, /targets has the id "Far"/],
    ['a target token of two lines', ['--config', join(dir, 'target-token.json')], {}, /targets\.far\.token is not acc/],
    ['an origin no browser sends', ['--config', join(dir, 'origin.json')], {}, /such as "https:\/\/console\.example"/],
    ['a host with its port', ['--config', join(dir, 'hosts.json')], {}, /allowed_hosts has "a\.example:80"/],
    ['a variable that cannot be', ['--config', join(dir, 'variable.json')], {}, /exec\.env has the name "A=B"/],
    ['two key sources', ['--config', join(dir, 'keys.json')], {}, /exactly one of/],
  ]
  const check = async ([name, args, env, sentence]: (typeof wrong)[number]): Promise<void> => {
    const port = name.startsWith('a port') ? [] : ['--port', '0']
    const token = name.includes('token file') ? {} : { RUNTIME_TOKEN: TOKEN }
    const ended = await run([...port, ...args], { ...token, ...home, ...env })
    t.equal(ended.code, 2, `${name}: exit code`)
    t.match(ended.stderr, sentence, name)
    t.match(ended.stderr, /^workspace-runtime: [^\n]+\n$/, `${name}: one line`)
    t.notMatch(ended.stderr, TOKEN)
  }
  for (let i = 0; i < wrong.length; i += 4) await Promise.all(wrong.slice(i, i + 4).map(check))
})

t.test('a misspelt variable is named with the one that is meant', async (t) => {
  const daemon = await startDaemon(t, {
    env: { RUNTIME_TOKN: 'x', RUNTIME_DIRECTORY: '/run/x', RUNTIME_OF_OTHERS: '1' },
  })
  const told = daemon
    .stderr()
    .split('\n')
    .filter((line) => line.includes('unknown_variable'))
  t.match(
    told.map((line) => JSON.parse(line) as object),
    [{ name: 'RUNTIME_TOKN', did_you_mean: 'RUNTIME_TOKEN' }],
  )
  t.equal(told.length, 1)
})

t.test('a port in use is one clear line', async (t) => {
  const daemon = await startDaemon(t)
  const second = await run(['--port', String(daemon.port)], { RUNTIME_TOKEN: TOKEN, HOME: daemon.directory })
  t.match(second, { code: 2, stderr: /port \d+ on 127\.0\.0\.1 is in use; choose another with --port/ })
})

t.test(
  'C-08 an empty or missing HOME is none: the account tells, and nothing is kept where we were started',
  async (t) => {
    const cwd = t.testdir()
    for (const env of [{ HOME: '' }, { HOME: 'relative' }]) {
      const daemon = await startDaemon(t, { cwd, env: { ...env, XDG_STATE_HOME: '', XDG_CACHE_HOME: '' } })
      t.equal(await daemon.stop(), 0)
    }
    t.strictSame(readdirSync(cwd), [])
  },
)

t.test('--version and --help', async (t) => {
  const { stdout, stderr, code } = await run(['--version'], {})
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /^workspace-runtime \d+\.\d+\.\d+\ncommit .+\nnode v24\.\d+\.\d+\nripgrep .+\n$/)
  t.match(await run(['--help'], {}), { code: 0, stdout: /--token-file/ })
})

t.test('without a token one is made, kept with mode 0600, reused and shown by token show', async (t) => {
  const home = t.testdir()
  const state = join(home, 'state')
  const env = { RUNTIME_TOKEN: undefined as never, XDG_STATE_HOME: state, HOME: home }
  const first = await startDaemon(t, { env })
  const path = join(state, 'workspace-runtime/token')
  const token = readFileSync(path, 'utf8').trim()
  t.match(token, /^[0-9a-f]{64}$/)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.match(
    first.stderr(),
    new RegExp(
      `^workspace-runtime: ready on http://127.0.0.1:${first.port}, token in ${path}, working directory ${first.directory}\n$`,
    ),
  )
  t.notMatch(first.stderr(), token, 'the token is shown to a terminal only')
  const auth = { authorization: `Bearer ${token}` }
  t.equal((await first.call('GET', '/runtime', undefined, auth)).status, 200)
  t.equal(await first.stop(), 0)
  const second = await startDaemon(t, { env })
  t.equal((await second.call('GET', '/runtime', undefined, auth)).status, 200, 'the same token after a restart')
  const shown = await run(['token', 'show'], { XDG_STATE_HOME: state, HOME: home })
  t.strictSame(shown, { code: 0, stdout: `${token}\n`, stderr: '' })
})

t.test('flag beats environment beats file beats default', async (t) => {
  const dir = t.testdir({ a: {}, b: {}, c: {}, token: `${'t'.repeat(40)}\n` })
  const config = { workdir: join(dir, 'a'), token_file: join(dir, 'token'), log_level: 'debug' }
  const where = async (options: Parameters<typeof startDaemon>[1], token = TOKEN): Promise<unknown> => {
    const daemon = await startDaemon(t, options)
    const { body } = await daemon.call('GET', '/runtime', undefined, { authorization: `Bearer ${token}` })
    await daemon.stop()
    return body.workdir
  }
  const noToken = { RUNTIME_TOKEN: undefined as never }
  t.equal(await where({ config, env: noToken }, 't'.repeat(40)), join(dir, 'a'))
  t.equal(await where({ config, env: { RUNTIME_WORKDIR: join(dir, 'b') } }), join(dir, 'b'))
  const env = { RUNTIME_WORKDIR: join(dir, 'b') }
  t.equal(await where({ config, env, args: ['--workdir', join(dir, 'c')] }), join(dir, 'c'))
})

t.test('A-11 commands find neither the token nor what belongs to the daemon', async (t) => {
  const env = {
    RUNTIME_LOG_LEVEL: 'info',
    NOTIFY_SOCKET: '/x',
    LISTEN_FDS: '0',
    WATCHDOG_USEC: '1',
    npm_config_x: '1',
    KEPT: 'yes',
  }
  const daemon = await startDaemon(t, { env, config: { exec: { env: { GIVEN: 'too' } } } })
  const printed = await daemon.call('POST', '/exec', { command: ['env'] })
  t.match(printed.body.stdout, /^KEPT=yes$/m)
  t.match(printed.body.stdout, /^GIVEN=too$/m)
  t.notMatch(printed.body.stdout, /^(RUNTIME_|NOTIFY_SOCKET|LISTEN_|WATCHDOG_|npm_)/m)
  t.notMatch(printed.body.stdout, TOKEN)
  const fds = await daemon.call('POST', '/exec', { command: ['sh', '-c', 'ls /proc/$$/fd'] })
  t.match(fds.body.stdout, /^0\n1\n2\n(\d+\n)?$/)
})

t.test('a daemon whose token came by environment does not hold it there', async (t) => {
  const daemon = await startDaemon(t)
  // What the kernel shows is the environment as it was at exec: RUNTIME_TOKEN is documented as readable there
  // by the same user; a token file is not.
  const { body } = await daemon.call('POST', '/exec', { command: ['sh', '-c', 'echo "[$RUNTIME_TOKEN]"'] })
  t.equal(body.stdout, '[]\n')
  t.notMatch(daemon.stderr(), TOKEN)
})

t.test('C-01 SIGTERM: what runs is finished, new calls get 503, exit code 0', async (t) => {
  const daemon = await startDaemon(t)
  const marker = join(daemon.directory, 'started')
  const running = daemon.call('POST', '/exec', { command: ['sh', '-c', `touch ${marker}; sleep 1.5; echo done`] })
  const detached = await daemon.call('POST', '/exec', { command: ['sleep', '300'], background: true })
  // A connection that is open before the signal: it is answered afterwards.
  await daemon.call('GET', '/health')
  await until('the command runs', () => statSync(marker, { throwIfNoEntry: false }) !== undefined)
  const stopped = daemon.stop('SIGTERM')
  await until('new calls are refused', async () => {
    const reply = await daemon.call('GET', '/health').catch(() => undefined)
    return reply === undefined || reply.status === 503
  })
  t.match(await running, { status: 200, body: { stdout: 'done\n', exit_code: 0 } })
  t.equal(await stopped, 0)
  t.throws(() => process.kill(detached.body.guest_pid, 0), { code: 'ESRCH' }, 'user processes end with the daemon')
})

t.test('C-01 a second signal ends at once', async (t) => {
  const daemon = await startDaemon(t)
  let answered = false
  const running = daemon.call('POST', '/exec', { command: ['sleep', '300'] }).then(
    () => (answered = true),
    () => undefined,
  )
  const stubborn = new Set<number>()
  for (const line of [
    'trap "" TERM HUP; echo begun; sleep 300',
    'set -m; trap "" TERM; sleep 300 & echo begun; wait',
  ]) {
    const { body } = await daemon.call('POST', '/exec', { command: ['bash', '-c', line], background: true })
    stubborn.add(body.guest_pid)
  }
  await until('all run', async () => (await daemon.call('GET', '/exec')).body.tasks.length === 3)
  daemon.process.kill('SIGTERM')
  await until('it stops', async () => {
    const reply = await daemon.call('GET', '/health').catch(() => undefined)
    return reply === undefined || reply.status === 503
  })
  t.equal(await daemon.stop('SIGINT'), 1, 'not the code of an orderly end')
  await running
  await until('the stubborn ones are gone too', () => [...stubborn].every((pid) => !runs(pid)))
  t.notOk(answered, 'and it waits for no call')
})

t.test('C-01 one Ctrl-C under npm arrives twice and is one', async (t) => {
  const daemon = await startDaemon(t)
  const running = daemon.call('POST', '/exec', { command: ['sh', '-c', 'sleep 0.5; echo done'] })
  await until('the command runs', async () => (await daemon.call('GET', '/exec')).body.tasks.length === 1)
  daemon.process.kill('SIGINT')
  daemon.process.kill('SIGINT')
  t.match(await running, { status: 200, body: { stdout: 'done\n' } })
  t.equal(await daemon.stop('SIGCONT'), 0)
})

t.test('C-01 npm start: a signal to npm alone ends the daemon, with its exit code', async (t) => {
  const home = t.testdir()
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, npm_config_update_notifier: 'false' }
  const npm = spawn('npm', ['start', '--silent', '--', '--port', '0'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  npm.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  await until('it is ready', () => stderr.includes('ready on'))
  npm.kill('SIGTERM')
  await once(npm, 'close') // its stderr is the daemon's too: closed when both are gone
  t.equal(npm.exitCode, 0)
  t.match(stderr, /"stopping"/)
})

t.test('a configured target is reached under its id, with its own token', async (t) => {
  const far = await startDaemon(t, { env: { RUNTIME_TOKEN: 'far-token-0123456789abcdef0123456789' } })
  const targets = {
    far: { url: far.url, token: 'far-token-0123456789abcdef0123456789' },
    down: { url: 'http://127.0.0.1:1', token: 'x' },
  }
  const near = await startDaemon(t, { config: { targets } })
  const listed = await near.call('GET', '/runtimes')
  t.match(listed.body, {
    success: true,
    default_target: 'local',
    targets: [
      { id: 'local', local: true, available: true },
      { id: 'far', local: false, available: true, runtime: { os: 'linux' } },
      { id: 'down', local: false, available: false, error: String },
    ],
  })
  t.notMatch(JSON.stringify(listed.body), 'far-token')
  mkdirSync(join(far.directory, 'there'))
  writeFileSync(join(far.directory, 'there/file'), 'far away')
  const read = await near.call('GET', `/runtimes/far/files/read?path=${far.directory}/there/file`)
  t.match(read, { status: 200, body: { content: 'far away' } })
  const ran = await near.call('POST', '/runtimes/far/exec', { command: ['sh', '-c', 'echo $PPID'] })
  t.equal(Number(ran.body.stdout), far.pid, 'the command is a child of the other daemon')
  t.match(await near.call('GET', '/runtimes/down/files'), { status: 503, body: { code: 'unavailable' } })
})
