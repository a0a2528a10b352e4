// Plays systemd for the daemon where no systemd runs: reads runtime.service and runtime.socket, holds the listening
// socket, hands it over as descriptor 3, hears what the daemon tells, and starts it again. Two things are not the
// unit's: the port, which is a free one of 127.0.0.1, and the time of the watchdog, which is shortened.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { libc } from '../../src/native/libc.ts'
import { COMMAND, TOKEN } from './daemon.ts'
import { openNotifySocket, type NotifySocket } from './notify-socket.ts'
import { milliseconds, readUnit } from './unit-file.ts'

const ROOT = join(import.meta.dirname, '../..')
export const SERVICE = readUnit(join(ROOT, 'runtime.service'))
export const SOCKET = readUnit(join(ROOT, 'runtime.socket'))

/** WatchdogSec is 30 s; the tests have less time. */
const WATCHDOG_SPEED = 50

const AF_INET = 2
const SOCK_STREAM_CLOEXEC = 0o2000001
const socket = libc.func('int socket(int family, int type, int protocol)')
const bind = libc.func('int bind(int fd, void *address, unsigned int length)')
const listen = libc.func('int listen(int fd, int backlog)')
const getsockname = libc.func('int getsockname(int fd, void *address, void *length)')

/** A listening socket on which this process does not accept, as a server of Node would. */
export function listeningSocket(backlog: number): { readonly fd: number; readonly port: number } {
  const fd: number = socket(AF_INET, SOCK_STREAM_CLOEXEC, 0)
  const address = Buffer.alloc(16) // struct sockaddr_in: family, port, address
  address.writeUInt16LE(AF_INET)
  address.set([127, 0, 0, 1], 4)
  const length = Buffer.from(Uint32Array.of(address.byteLength).buffer)
  if (bind(fd, address, address.byteLength) !== 0 || listen(fd, backlog) !== 0) throw new Error('no socket')
  getsockname(fd, address, length)
  return { fd, port: address.readUInt16BE(2) }
}

export interface Started {
  readonly process: ChildProcess
  stderr(): string
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

export interface Supervisor {
  readonly url: string
  readonly port: number
  readonly notify: NotifySocket
  readonly directory: string
  /** How long a daemon may be silent. */
  readonly watchdogMs: number
  /** What the service would be started with, less the token's credential where `env` has its own. */
  start(env?: Readonly<Record<string, string>>, descriptors?: readonly number[], enter?: string): Started
  ready(): Promise<void>
}

interface Owner {
  teardown(handler: () => Promise<void> | void): unknown
}

export function openSupervisor(t: Owner, notifyName?: string): Supervisor {
  const directory = mkdtempSync(join(tmpdir(), 'workspace-runtime-service-'))
  const credentials = join(directory, 'credentials')
  mkdirSync(credentials, { mode: 0o700 })
  const [credential = ''] = (SERVICE.last('Service.LoadCredential') ?? '').split(':')
  writeFileSync(join(credentials, credential), `${TOKEN}\n`, { mode: 0o400 })
  const notify = openNotifySocket(notifyName ?? join(directory, 'notify'))
  const { fd, port } = listeningSocket(Number(SOCKET.last('Socket.Backlog')))
  const watchdogMs = milliseconds(SERVICE.last('Service.WatchdogSec')) / WATCHDOG_SPEED
  const running = new Set<Started>()
  t.teardown(async () => {
    for (const { process, ended } of running) {
      process.kill('SIGKILL')
      await ended
    }
    closeSync(fd)
    notify[Symbol.dispose]()
    rmSync(directory, { recursive: true, force: true })
  })
  const environment = {
    PATH: process.env['PATH'] ?? '',
    NOTIFY_SOCKET: notify.name,
    WATCHDOG_USEC: String(watchdogMs * 1000),
    LISTEN_FDS: '1',
    LISTEN_FDNAMES: 'runtime.socket',
    CREDENTIALS_DIRECTORY: credentials,
    STATE_DIRECTORY: join(directory, 'state'),
    CACHE_DIRECTORY: join(ROOT, '.tap/cache/workspace-runtime'),
    INVOCATION_ID: 'f'.repeat(32),
    JOURNAL_STREAM: '1:2',
    SYSTEMD_EXEC_PID: '1',
    ...Object.fromEntries(SERVICE.all('Service.Environment').map((one) => one.split(/=(.*)/s).slice(0, 2))),
  }
  let heard = 0
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    notify,
    directory,
    watchdogMs,
    start(env = {}, descriptors = [fd], enter = ':') {
      heard = notify.received().length
      const started = launch({ ...environment, ...env }, descriptors, enter)
      running.add(started)
      void started.ended.then(() => running.delete(started))
      return started
    },
    async ready() {
      await notify.heard('READY=1', heard)
    },
  }
}

function launch(env: Readonly<Record<string, string>>, descriptors: readonly number[], enter: string): Started {
  const [, ...words] = (SERVICE.last('Service.ExecStart') ?? '').split(' ')
  const line = `${enter}; export LISTEN_PID=\${LISTEN_PID-$$} WATCHDOG_PID=$$; exec "$@"`
  const child = spawn('/bin/sh', ['-c', line, 'sh', ...COMMAND, ...words], {
    env,
    stdio: ['ignore', 'ignore', 'pipe', ...descriptors],
  })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const ended = once(child, 'close').then(() => child.exitCode ?? child.signalCode ?? 'unknown')
  return { process: child, stderr: () => text, ended }
}
