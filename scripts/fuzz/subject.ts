// Starts the daemon that is fuzzed: with one folder as home, state and working directory, and as the user `nobody` if
// the fuzzer runs as root, so that a request which breaks out changes nothing of the machine.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, constants, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COMMAND, TOKEN } from '../../test/support/daemon.ts'

/** The user `nobody` of Debian and most others. */
export const NOBODY = 65534

export const isRoot = process.geteuid?.() === 0
/** Options for starting processes. */
export const UNPRIVILEGED = isRoot ? { uid: NOBODY, gid: NOBODY } : {}

const READY_MS = 20_000
const STOP_MS = 15_000

/** Files and processes of a run, removed at its end. */
export interface Sandbox extends AsyncDisposable {
  readonly directory: string
  /** Folder in which requests may change everything. */
  readonly ground: string
  /** Command that starts it: an executable is copied, for its folder may be closed to others. */
  readonly command: readonly string[]
  /** Empties the ground, as the user who filled it. */
  sweep(): Promise<void>
}

export function openSandbox(): Sandbox {
  const directory = mkdtempSync(join(tmpdir(), 'workspace-runtime-fuzz-'))
  chmodSync(directory, 0o755)
  const made = ['ground', 'home', 'state', 'cache', 'tmp'].map((name) => join(directory, name))
  for (const path of made) {
    mkdirSync(path)
    if (isRoot) chownSync(path, NOBODY, NOBODY)
  }
  const [program = '', ...args] = COMMAND
  const single = args.length === 0
  const copy = join(directory, 'subject')
  if (single) copyFileSync(program, copy, constants.COPYFILE_FICLONE)
  const ground = join(directory, 'ground')
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  process.once('exit', remove)
  const clean = async (options: object): Promise<void> => {
    const script =
      'chmod 0755 "$0"; cd "$0" || exit; chmod -R u+rwX . 2>/dev/null; find . -mindepth 1 -delete 2>/dev/null; :'
    const child = spawn('sh', ['-c', script, ground], { stdio: 'ignore', ...options })
    await once(child, 'close')
  }
  return {
    directory,
    ground,
    command: single ? [copy] : COMMAND,
    sweep: () => clean(UNPRIVILEGED),
    async [Symbol.asyncDispose]() {
      await clean(UNPRIVILEGED)
      process.off('exit', remove)
      remove()
    },
  }
}

export interface Subject extends AsyncDisposable {
  readonly pid: number
  readonly port: number
  readonly sandbox: Sandbox
  /** False once it has ended. */
  readonly alive: boolean
  /** Returns its output on stderr, up to LOG_BYTES. */
  log(): string
}

/** Most bytes of the log; only errors are logged, so a right run never comes near. */
const LOG_BYTES = 4 * 1024 * 1024

const CONFIG = {
  log_level: 'error',
  limits: { failed_auth: 10_000, terminals: 10 },
  // 1e6 cases with a disk flush for each write would fuzz the disk.
  files: { durable: false },
  toolsets: ['default', 'files', 'terminal'],
}

export async function startSubject(sandbox: Sandbox): Promise<Subject> {
  const { directory, ground } = sandbox
  const config = join(directory, 'config.json')
  writeFileSync(config, JSON.stringify(CONFIG))
  const [program = '', ...args] = sandbox.command
  const child = spawn(program, [...args, '--port', '0', '--workdir', ground, '--config', config], {
    cwd: directory,
    env: {
      ...process.env,
      RUNTIME_TOKEN: TOKEN,
      HOME: join(directory, 'home'),
      TMPDIR: join(directory, 'tmp'),
      XDG_STATE_HOME: join(directory, 'state'),
      XDG_CACHE_HOME: join(directory, 'cache'),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...UNPRIVILEGED,
  })
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < LOG_BYTES) text += chunk
  })
  const port = await readyPort(child, () => text)
  return {
    pid: child.pid ?? 0,
    port,
    sandbox,
    get alive() {
      return child.exitCode === null && child.signalCode === null
    },
    log: () => text,
    [Symbol.asyncDispose]: () => stop(child),
  }
}

async function readyPort(child: ChildProcess, log: () => string): Promise<number> {
  const deadline = performance.now() + READY_MS
  for (;;) {
    const match = /ready on http:\/\/\S*:(\d+),/.exec(log())
    if (match !== null) return Number(match[1])
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`the daemon did not become ready: ${log()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}
