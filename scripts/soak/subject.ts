// Starts the daemon of the soak, once: it must last to the end. Keeps the lines of its log that tell of defects.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMAND, TOKEN } from '../../test/support/daemon.ts'
import type { Ground } from '../faults/ground.ts'

const START_MS = 30_000
/** Lines of each kind that are kept, so that a defect in every request does not fill the memory of the soak. */
const MOST_ERRORS = 100

/** Configuration of the daemon: terminals are typed into over REST; commands do not inherit the clock's library. */
const CONFIG = { toolsets: ['default', 'terminal'], exec: { env: { LD_PRELOAD: '' } } }

export interface Subject {
  readonly pid: number
  readonly port: number
  readonly ground: Ground
  /** Log lines of level error. */
  readonly errors: readonly string[]
  /** Settles when the daemon has ended by itself. */
  readonly died: Promise<string>
  /** Ends it in order; resolves with its exit code, or with the signal that ended it. */
  stop(): Promise<number | string>
  kill(): void
}

export async function startSubject(ground: Ground, chaos: boolean): Promise<Subject> {
  const port = await freePort()
  const [command = '', ...args] = COMMAND
  const config = join(ground.directory, 'config.json')
  writeFileSync(config, JSON.stringify(CONFIG))
  const child = spawn(command, [...args, '--port', String(port), '--config', config], {
    cwd: ground.directory,
    env: { ...process.env, ...environment(ground, chaos) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const errors: string[] = []
  let stopping = false
  const died = Promise.withResolvers<string>()
  const ended = once(child, 'exit').then(() => child.exitCode ?? child.signalCode ?? 'unknown')
  void ended.then((how) => (stopping ? undefined : died.resolve(`it ended by itself: ${how}`)))
  await ready(child, errors)
  return {
    pid: child.pid ?? 0,
    port,
    ground,
    errors,
    died: died.promise,
    async stop() {
      stopping = true
      child.kill('SIGTERM')
      return await ended
    },
    kill() {
      child.kill('SIGKILL')
      // Files that libfaketime leaves for a killed process.
      for (const name of [`faketime_shm_${child.pid}`, `sem.faketime_sem_${child.pid}`]) {
        rmSync(join('/dev/shm', name), { force: true })
      }
    },
  }
}

function environment(ground: Ground, chaos: boolean): NodeJS.ProcessEnv {
  const { state, files, clock } = ground
  const common = { RUNTIME_TOKEN: TOKEN, RUNTIME_WORKDIR: files, XDG_STATE_HOME: state }
  if (clock === undefined || !chaos) return common
  writeFileSync(clock.file, '+0\n')
  return {
    ...common,
    LD_PRELOAD: clock.library,
    FAKETIME_TIMESTAMP_FILE: clock.file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  }
}

async function ready(child: ChildProcess, errors: string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let rest = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.includes('ready on http')) resolve()
      if (line.includes('"level":"error"') && errors.length < MOST_ERRORS) errors.push(line.slice(0, 1000))
    }
  })
  child.once('exit', () => reject(new Error('the daemon ended before it was ready')))
  const timer = setTimeout(() => reject(new Error(`the daemon is not ready after ${START_MS} ms`)), START_MS)
  await promise
  clearTimeout(timer)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
