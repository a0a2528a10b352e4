// Starts a daemon for one test, as a process on a free port with a fresh state directory and an empty home, and stops
// it at the end of the test: `const daemon = await startDaemon(t)`. RUNTIME_UNDER_TEST names an executable to start in
// place of the sources.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const TOKEN = 'test-token-0123456789abcdef0123456789abcdef'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Path of the executable under test; empty for the sources. */
const UNDER_TEST = process.env['RUNTIME_UNDER_TEST'] ?? ''

/** The command that starts the daemon under test. */
export const COMMAND: readonly string[] = UNDER_TEST === '' ? sources() : [resolve(root, UNDER_TEST)]

function sources(): readonly string[] {
  return [process.execPath, join(root, 'src/main.ts')]
}

/** Time after which a daemon that is not ready counts as hanging. */
const READY_MS = 120_000

/** Time that a process gets to write its last lines at the exit. */
const LAST_WORDS_MS = 3000

/** Cache directory of all daemons, so that they unpack once; git ignores `.tap`. */
const CACHE = join(root, '.tap/cache')

export interface DaemonOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Contents of the configuration file. */
  readonly config?: object
  readonly cwd?: string
  /** Starts the sources also when an executable is under test, which takes no NODE_OPTIONS. */
  readonly fromSources?: true
  /** A wrapper in front of the command, such as `prlimit --nofile=128`. */
  readonly wrapper?: readonly string[]
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any -- replies are of any shape; the tests say what they expect
  readonly body: any
}

export interface Daemon {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly process: ChildProcess
  readonly directory: string
  /** Everything it wrote to stderr so far. */
  stderr(): string
  /** A request with the token; `body` objects are sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>
  /** Sends a signal and waits for the end; the exit code, or the signal's name. */
  stop(signal?: NodeJS.Signals): Promise<number | string>
}

/** Kills the daemon; with coverage it is first asked to end, so that Node writes the coverage at its exit. */
async function end(child: ChildProcess): Promise<void> {
  const signals = process.env['NODE_V8_COVERAGE'] === undefined ? [] : (['SIGTERM', 'SIGTERM'] as const)
  const gone = once(child, 'exit')
  for (const signal of [...signals, 'SIGKILL' as const]) {
    child.kill(signal)
    await Promise.race([gone, pause(LAST_WORDS_MS, undefined, { ref: false })])
  }
  await gone
}

/** Kills the commands that outlive a killed daemon: their environment names its directory. */
function endWhatItStarted(directory: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').includes(directory)) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // gone meanwhile, or not ours to look at
    }
  }
}

interface Owner {
  teardown(handler: () => Promise<void>): unknown
}

/** Starts a daemon and waits until it says that it is ready. */
export async function startDaemon(t: Owner, options: DaemonOptions = {}): Promise<Daemon> {
  const directory = mkdtempSync(join(tmpdir(), 'workspace-runtime-test-'))
  const { child, stderr } = launch(directory, options)
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) await end(child)
    endWhatItStarted(directory)
    rmSync(directory, { recursive: true, force: true })
  })
  const port = await readyPort(child, stderr)
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    port,
    pid: child.pid ?? 0,
    process: child,
    directory,
    stderr,
    call: (method, path, body, headers) => call(url, method, path, body, headers),
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal)
        await once(child, 'exit')
      }
      return child.exitCode ?? child.signalCode ?? 'unknown'
    },
  }
}

function launch(directory: string, options: DaemonOptions): { child: ChildProcess; stderr: () => string } {
  const args = ['--port', '0', ...(options.args ?? [])]
  if (options.config !== undefined) {
    const file = join(directory, 'config.json')
    writeFileSync(file, JSON.stringify(options.config))
    args.push('--config', file)
  }
  // Not the home of this machine: its login scripts would run in the shells, and what a killed one leaves would stay.
  const home = join(directory, 'home')
  mkdirSync(home)
  const [command = '', ...rest] = [...(options.wrapper ?? []), ...(options.fromSources ? sources() : COMMAND), ...args]
  const child = spawn(command, rest, {
    cwd: options.cwd ?? directory,
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: undefined, // the test runner's
      RUNTIME_TOKEN: TOKEN,
      HOME: home,
      XDG_CONFIG_HOME: undefined,
      XDG_STATE_HOME: join(directory, 'state'),
      XDG_CACHE_HOME: CACHE,
      ...options.env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return { child, stderr: () => text }
}

async function readyPort(child: ChildProcess, stderr: () => string): Promise<number> {
  const { promise, resolve: ready, reject } = Promise.withResolvers<number>()
  const look = (): void => {
    const match = /ready on http:\/\/\S*:(\d+),/.exec(stderr())
    if (match !== null) ready(Number(match[1]))
  }
  const ended = (): void => reject(new Error(`the daemon ended before it was ready: ${stderr()}`))
  child.stderr?.on('data', look)
  child.once('exit', ended)
  const late = (): void => reject(new Error(`the daemon is not ready after ${READY_MS / 1000} s: ${stderr()}`))
  const timer = setTimeout(late, READY_MS)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    child.stderr?.off('data', look)
    child.off('exit', ended)
  }
}

async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
  })
  const text = await response.text()
  const streamed = path.startsWith('/mcp') && response.headers.get('content-type')?.startsWith('text/event-stream')
  return {
    status: response.status,
    headers: response.headers,
    body: parsed(streamed === true ? lastMessage(text) : text),
  }
}

/** Of a call that took longer than a second, as any does on a machine with enough to do: its answer ends the stream. */
function lastMessage(stream: string): string {
  return (
    stream
      .split('\n')
      .findLast((line) => line.startsWith('data: ') && line.includes('"jsonrpc"'))
      ?.slice(6) ?? stream
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
