// The daemon under a service manager, as runtime.service and runtime.socket describe it: readiness, signs of life,
// the socket that outlives it, the token as a credential, and what its commands see of all that (A-11,
// C-02, C-03, C-06). Runs everywhere; units.slow.test.ts does it with a real systemd where one can be booted.

import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { libc } from '../../src/native/libc.ts'
import { TOKEN } from '../support/daemon.ts'
import { rawExchange } from '../support/raw-http.ts'
import { listeningSocket, openSupervisor, SERVICE, SOCKET, type Supervisor } from '../support/supervisor.ts'
import { until } from '../support/until.ts'

const authorization = `Bearer ${TOKEN}`

async function shell(supervisor: Supervisor, line: string): Promise<string> {
  const response = await fetch(`${supervisor.url}/exec`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ command: ['sh', '-c', line] }),
  })
  const { stdout } = (await response.json()) as { stdout: string }
  return stdout
}

const health = async ({ url }: Supervisor): Promise<number> => (await fetch(`${url}/health`)).status

t.test('the units say what the daemon relies on', async (t) => {
  t.equal(SERVICE.last('Service.Type'), 'notify')
  t.equal(SERVICE.last('Service.RestartPreventExitStatus'), '2')
  t.equal(SERVICE.last('Service.Restart'), 'always')
  t.equal(SERVICE.last('Unit.StartLimitIntervalSec'), '0')
  t.equal(SERVICE.last('Service.KillMode'), 'mixed')
  t.match(SERVICE.last('Service.ExecStart'), /^\/usr\/local\/bin\/workspace-runtime serve$/)
  t.same(SOCKET.all('Socket.ListenStream'), ['9990'])
  const text = readFileSync(join(import.meta.dirname, '../../runtime.service'), 'utf8')
  const forbidden = /^(NoNewPrivileges|Protect\w+|Private\w+|Restrict(Namespaces|Address\w+|SUIDSGID)|SystemCallFilter|CapabilityBoundingSet|MemoryDeny\w+|DynamicUser|User)=/m // prettier-ignore
  t.notMatch(text, forbidden)
})

t.test(
  'A-11 ready on the socket it was given, with the token of the credential, alive, and silent to commands',
  async (t) => {
    const supervisor = openSupervisor(t)
    const daemon = supervisor.start()
    await supervisor.ready()
    t.equal(await health(supervisor), 200)
    t.match(await supervisor.notify.heard('STATUS='), `STATUS=serving on ${supervisor.url}`)
    t.match(daemon.stderr(), new RegExp(`ready on ${supervisor.url}, token in ${supervisor.directory}/state/token, `))
    const variables = (await shell(supervisor, 'env')).split('\n').map((line) => line.split('=', 1)[0] ?? '')
    const ours = /^(RUNTIME_|LISTEN_|WATCHDOG_|NOTIFY_|CREDENTIALS_|STATE_|CACHE_|INVOCATION_|JOURNAL_|SYSTEMD_)/
    t.same(variables.filter((name) => ours.test(name)), []) // prettier-ignore
    t.match(await shell(supervisor, 'ls /proc/self/fd | tr "\\n" " "'), /^0 1 2 3 $/, '3 is the listing itself')
    await until('three signs of life', () => count(supervisor, 'WATCHDOG=1') >= 3)
    const rebinding = 'GET /health HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n'
    t.equal((await rawExchange(supervisor.port, rebinding)).status, 403, 'the rules are those of the address it got')
    daemon.process.kill('SIGTERM')
    t.equal(await daemon.ended, 0)
  },
)

const count = ({ notify }: Supervisor, line: string): number => notify.received().filter((one) => one === line).length

t.test('C-03 while it is down the port is held, and who connects then is answered by the next', async (t) => {
  const supervisor = openSupervisor(t)
  const first = supervisor.start()
  await supervisor.ready()
  first.process.kill('SIGTERM')
  await supervisor.notify.heard('STOPPING=1')
  t.match(await supervisor.notify.heard('EXTEND_TIMEOUT_USEC='), /=1[0-9]{7}$/)
  t.equal(await first.ended, 0)

  const squatter = createServer().listen(supervisor.port, '127.0.0.1')
  const [refused] = (await once(squatter, 'error')) as [NodeJS.ErrnoException]
  t.equal(refused.code, 'EADDRINUSE')
  const early = connect(supervisor.port, '127.0.0.1')
  await once(early, 'connect')
  early.write('GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')

  const second = supervisor.start()
  let answer = ''
  for await (const chunk of early) answer += String(chunk)
  t.match(answer, /^HTTP\/1\.1 200 /)
  await supervisor.ready()
  second.process.kill('SIGTERM')
  t.equal(await second.ended, 0)
})

t.test('C-02 killed, it is back on the same socket each time, with the same token', async (t) => {
  const supervisor = openSupervisor(t)
  for (let round = 0; round < 4; round++) {
    const daemon = supervisor.start()
    await supervisor.ready()
    t.equal(await shell(supervisor, 'echo here'), 'here\n')
    daemon.process.kill('SIGKILL')
    t.equal(await daemon.ended, 'SIGKILL')
  }
})

t.test('C-06 a daemon that hangs gives no sign of life, and is replaced', async (t) => {
  const supervisor = openSupervisor(t)
  const hung = supervisor.start()
  await supervisor.ready()
  await supervisor.notify.heard('WATCHDOG=1')
  hung.process.kill('SIGSTOP')
  await until('it has stopped', () => / T /.test(readFileSync(`/proc/${hung.process.pid}/stat`, 'latin1')))
  const before = count(supervisor, 'WATCHDOG=1')
  await pause(supervisor.watchdogMs)
  t.equal(count(supervisor, 'WATCHDOG=1'), before, 'silent for as long as the manager waits')
  hung.process.kill((SERVICE.last('Service.WatchdogSignal') ?? 'SIGABRT') as NodeJS.Signals)
  t.equal(await hung.ended, 'SIGKILL', 'which ends a stopped process too')
  const next = supervisor.start()
  await supervisor.ready()
  t.equal(await health(supervisor), 200)
  t.match(next.stderr(), /ready on/)
})

t.test('what is handed over but cannot be used ends the start with exit code 2 and one line', async (t) => {
  const supervisor = openSupervisor(t)
  const file = openSync('/dev/null', 'r')
  const socket = libc.func('int socket(int family, int type, int protocol)')
  const unix: number = socket(1, 0o2000001, 0)
  const datagram: number = socket(2, 0o2000002, 0)
  const deaf: number = socket(2, 0o2000001, 0)
  const { fd } = listeningSocket(1)
  t.teardown(() => [file, unix, datagram, deaf, fd].forEach((one) => closeSync(one)))
  const wrong: [string, Record<string, string>, number[], RegExp][] = [
    ['two sockets', { LISTEN_FDS: '2' }, [fd, fd], /hands over "2" sockets .*exactly 1/],
    ['no number', { LISTEN_FDS: 'x' }, [fd], /hands over "x" sockets/],
    ['a file', {}, [file], /is no socket/],
    ['a Unix socket', {}, [unix], /of another kind than TCP/],
    ['a datagram socket', {}, [datagram], /is not a stream/],
    ['a socket that does not listen', {}, [deaf], /is not listening/],
    ['nothing', {}, [], /is no socket/],
  ]
  for (const [name, env, descriptors, sentence] of wrong) {
    const daemon = supervisor.start(env, descriptors)
    t.equal(await daemon.ended, 2, name)
    t.match(daemon.stderr(), /^workspace-runtime: [^\n]+\n$/, name)
    t.match(daemon.stderr(), sentence, name)
  }
})

t.test('what is meant for another process is left alone', async (t) => {
  const supervisor = openSupervisor(t)
  const daemon = supervisor.start({ LISTEN_PID: '1', RUNTIME_PORT: '0' })
  await supervisor.ready()
  t.notMatch(daemon.stderr(), `:${supervisor.port},`)
})

t.test('A-03 a credential that is no token ends the start; where there is none, one is made', async (t) => {
  const supervisor = openSupervisor(t)
  const broken = supervisor.start({ CREDENTIALS_DIRECTORY: t.testdir({ token: 'short' }) })
  t.equal(await broken.ended, 2)
  t.match(broken.stderr(), /the credential \S+ is 5 characters long/)
  const none = supervisor.start({ CREDENTIALS_DIRECTORY: '/nowhere' })
  await supervisor.ready()
  const made = readFileSync(join(supervisor.directory, 'state/token'), 'utf8')
  t.match(made, /^[0-9a-f]{64}\n$/)
  none.process.kill('SIGTERM')
  t.equal(await none.ended, 0)
})

t.test('an abstract notify socket is told as well; the daemon serves also if the socket is not read', async (t) => {
  const supervisor = openSupervisor(t, `@workspace-runtime-test-${process.pid}`)
  supervisor.start()
  await supervisor.ready()
  const deaf = openSupervisor(t)
  rmSync(deaf.notify.name)
  const daemon = deaf.start()
  await until('it serves', async () => (await health(deaf).catch(() => 0)) === 200)
  await until('it says so', () => /cannot be told: ENOENT/.test(daemon.stderr()))
  const odd = openSupervisor(t)
  const third = odd.start({ NOTIFY_SOCKET: 'vsock:2:1234' })
  await until('it serves', async () => (await health(odd).catch(() => 0)) === 200)
  t.match(third.stderr(), /NOTIFY_SOCKET names neither/)
})
