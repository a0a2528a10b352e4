// The daemon under faults: started, killed and started again on the same port and state directory. Each start is an
// epoch with separate commands, terminals and watchers. Between two starts the runner looks at the disk for remains of
// the dead daemon, and for those that the new one has not removed.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { COMMAND, TOKEN } from '../../test/support/daemon.ts'
import type { Ground } from './ground.ts'
import type { Recorder } from './history.ts'
import { endMarked, marked, type Marked } from './marked.ts'

/** Names of temporary files, as in protocol.md#files-write: `.<name>.<16 hexadecimal digits>~`. */
const TEMPORARY = /^\.[^]*\.[0-9a-f]{16}~$/
const STDERR_KEPT = 4000
/** Longest start: 2 s are promised; a machine that does other work too needs more. */
const START_MS = 30_000
/** Time from SIGTERM to the end (C-01). */
const STOP_MS = 15_000
/** Time after the daemon's end until the processes that it ends must be gone. */
const GONE_MS = 3000

export class Subject implements AsyncDisposable {
  readonly port: number
  readonly ground: Ground
  readonly #history: Recorder
  readonly #mark: string
  #child: ChildProcess | undefined
  #ready = false
  #stderr = ''
  #epoch = 0
  #by: 'SIGKILL' | 'SIGTERM' | null = null
  /** Settles when the daemon has ended by itself. */
  readonly ended = Promise.withResolvers<void>()

  constructor(port: number, ground: Ground, history: Recorder) {
    this.port = port
    this.ground = ground
    this.#history = history
    this.#mark = `WORKSPACE_FAULTS=${ground.directory}`
  }

  get epoch(): number {
    return this.#epoch
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Library and file that move its clock. Every other start has none: the promises must hold for the daemon alone. */
  get clock(): Ground['clock'] {
    return this.#epoch % 2 === 1 ? this.ground.clock : undefined
  }

  /** Starts it, and resolves when it says that it is ready. */
  async start(): Promise<void> {
    const before = this.temporary()
    const began = performance.now()
    const epoch = ++this.#epoch
    this.#by = null
    this.#ready = false
    this.#stderr = ''
    const [command, ...args] = [...COMMAND, '--port', String(this.port)]
    const child = spawn(command, args, {
      cwd: this.ground.directory,
      env: this.#environment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    child.once('exit', () => (this.#by === null ? this.ended.resolve() : undefined))
    await this.#untilReady(child)
    const after = before.filter((path) => this.temporary().includes(path))
    const ready_ms = performance.now() - began
    this.#history.add({ type: 'start', epoch, pid: this.pid, at: began, ready_ms, strays: { before, after } })
  }

  #environment(): NodeJS.ProcessEnv {
    const [name = '', value] = this.#mark.split('=')
    const { state } = this.ground
    const { clock } = this
    if (clock !== undefined) writeFileSync(clock.file, '+0\n')
    return {
      ...process.env,
      RUNTIME_TOKEN: TOKEN,
      RUNTIME_WORKDIR: this.ground.directory,
      STATE_DIRECTORY: undefined,
      XDG_STATE_HOME: state,
      [name]: value,
      ...(clock === undefined
        ? {}
        : {
            LD_PRELOAD: clock.library,
            FAKETIME_TIMESTAMP_FILE: clock.file,
            FAKETIME_NO_CACHE: '1',
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
            NO_FAKE_STAT: '1',
          }),
    }
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-STDERR_KEPT)
      this.#noteErrors(chunk)
      if (!this.#ready && this.#stderr.includes('ready on http')) resolve()
    })
    child.once('exit', () => reject(new Error(`the daemon ended before it was ready: ${this.#stderr}`)))
    const timer = setTimeout(() => reject(new Error(`not ready after ${START_MS} ms: ${this.#stderr}`)), START_MS)
    try {
      await promise
      this.#ready = true
    } finally {
      clearTimeout(timer)
    }
  }

  #noteErrors(chunk: string): void {
    for (const line of chunk.split('\n')) {
      if (!line.includes('"level":"error"')) continue
      this.#history.add({ type: 'said', epoch: this.#epoch, at: performance.now(), line: line.slice(0, 2000) })
    }
  }

  /** Ends it by a signal, notes the processes that its commands left, and ends those. */
  async end(by: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    if (child.exitCode === null && child.signalCode === null) {
      this.#by = by
      child.kill(by)
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await once(child, 'exit')
      clearTimeout(late)
    }
    this.#ready = false
    const left = by === 'SIGTERM' ? await this.#leftAfter(GONE_MS) : marked(this.#mark, process.pid)
    endMarked(left)
    this.#cleanSharedMemory([this.pid, ...left.map(({ pid }) => pid)])
    this.#history.add({
      type: 'end',
      epoch: this.#epoch,
      at: performance.now(),
      by: this.#by,
      code: child.exitCode,
      signal: child.signalCode,
      left: left.map(({ pid, command }) => `${pid} ${command}`),
      stderr: this.#stderr.slice(-1000),
    })
    this.#child = undefined
  }

  async #leftAfter(ms: number): Promise<Marked[]> {
    const deadline = performance.now() + ms
    while (marked(this.#mark, process.pid).length > 0 && performance.now() < deadline) await pause(50)
    return marked(this.#mark, process.pid)
  }

  /** Removes the files that libfaketime leaves for killed processes. */
  #cleanSharedMemory(pids: readonly number[]): void {
    if (this.ground.clock === undefined) return
    for (const pid of pids) {
      for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`]) rmSync(`/dev/shm/${name}`, { force: true })
    }
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name)
  }

  /** Returns temporary files of writes, below the files and in the state directory. */
  temporary(): string[] {
    return [this.ground.files, this.ground.state].flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((path) => TEMPORARY.test(path.slice(path.lastIndexOf('/') + 1)))
        .map((path) => join(root, path)),
    )
  }

  /** Returns files of the state directory that are about work in progress. */
  inFlight(): string[] {
    return readdirSync(this.ground.state, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /\.journal/.test(path),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGCONT')
    await this.end('SIGKILL')
  }
}

/**
 * Returns a port below those that the kernel gives to connecting sockets: a client that connects to a port of that
 * range while no process listens there may be connected to itself.
 */
export async function freePort(): Promise<number> {
  for (let port = 20_000 + (process.pid % 10_000); ; port++) {
    const server = createServer().listen(port, '127.0.0.1')
    const free = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ])
    if (free) {
      await new Promise((resolve) => server.close(resolve))
      return port
    }
  }
}
