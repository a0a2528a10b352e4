// The measured subject: a daemon of the built executable (or of the sources, if Node flags are needed), on a free port
// with a fresh state directory and a cache directory shared by the run.

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { end, start } from './processes.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Path of the executable; WORKSPACE_RUNTIME_EXECUTABLE names another build, to compare two. */
export const EXECUTABLE = process.env['WORKSPACE_RUNTIME_EXECUTABLE'] ?? join(ROOT, 'dist/workspace-runtime')
export const RIPGREP = join(ROOT, `node_modules/@vscode/ripgrep-linux-${process.arch}/bin/rg`)
export const TOKEN = 'bench-token-0123456789abcdef0123456789abcdef'
export const AUTHORIZATION = { authorization: `Bearer ${TOKEN}` } as const

export interface Subject extends AsyncDisposable {
  readonly port: number
  readonly pid: number
  /** Sends one request; resolves with the whole body as text. Throws unless it succeeds. */
  call(method: string, path: string, body?: object): Promise<string>
}

/** Starts a daemon; `nodeFlags` start the sources with them instead of the executable; `config` is its file. */
export async function openSubject(
  nodeFlags?: readonly string[],
  env: NodeJS.ProcessEnv = {},
  config: object = {},
): Promise<Subject> {
  const state = mkdtempSync(join(tmpdir(), 'workspace-runtime-bench-'))
  const source = [process.execPath, ...(nodeFlags ?? []), join(ROOT, 'src/main.ts')]
  const [command = '', ...args] = nodeFlags === undefined ? [EXECUTABLE] : source
  const settings = join(state, 'config.json')
  writeFileSync(settings, JSON.stringify(config))
  const child = start(command, [...args, '--config', settings, '--port', '0'], {
    env: { ...process.env, ...env, RUNTIME_TOKEN: TOKEN, XDG_STATE_HOME: state },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const close = async (): Promise<void> => {
    await end(child)
    rmSync(state, { recursive: true, force: true })
  }
  try {
    const port = await readyPort(child)
    return {
      port,
      pid: child.pid ?? 0,
      call: (method, path, body) => call(port, method, path, body),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Returns the port of the ready line; later output of the daemon is read and dropped. */
async function readyPort(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < 100_000) text += chunk
    const port = /ready on http:\/\/\S*:(\d+),/.exec(text)?.[1]
    if (port !== undefined) resolve(Number(port))
  })
  child.once('close', () => reject(new Error(`the daemon did not start, or ended: ${text}`)))
  return promise
}

async function call(port: number, method: string, path: string, body?: object): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { ...AUTHORIZATION, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 200)}`)
  return text
}

/** Returns a line of /proc/<pid>/<file>, in MiB. */
export function memoryOf(pid: number, file: 'status' | 'smaps_rollup', key: string): number {
  const line = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))
  return Number(line?.[1] ?? 0) / 1024
}
