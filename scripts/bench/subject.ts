// What is measured: a daemon of the built executable (or of the sources, where Node flags are needed), on a
// free port with a fresh state directory.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const EXECUTABLE = join(ROOT, 'dist/workspace-runtime')
export const RIPGREP = join(ROOT, `node_modules/@vscode/ripgrep-linux-${process.arch}/bin/rg`)
export const TOKEN = 'bench-token-0123456789abcdef0123456789abcdef'

export interface Subject extends AsyncDisposable {
  readonly port: number
  readonly pid: number
  /** One request; the whole body as text. Throws unless it succeeds. */
  call(method: string, path: string, body?: object): Promise<string>
}

/** Starts a daemon; `nodeFlags` start the sources with them instead of the executable. */
export async function openSubject(nodeFlags?: readonly string[]): Promise<Subject> {
  const state = mkdtempSync(join(tmpdir(), 'workspace-runtime-bench-'))
  const command = nodeFlags === undefined ? [EXECUTABLE] : [process.execPath, ...nodeFlags, join(ROOT, 'src/main.ts')]
  const child = launch(command, state)
  const port = await readyPort(child)
  return {
    port,
    pid: child.pid ?? 0,
    call: (method, path, body) => call(port, method, path, body),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await once(child, 'exit')
      rmSync(state, { recursive: true, force: true })
    },
  }
}

function launch([command = '', ...args]: readonly string[], state: string): ChildProcess {
  return spawn(command, [...args, '--port', '0'], {
    env: { ...process.env, RUNTIME_TOKEN: TOKEN, XDG_STATE_HOME: state },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

async function readyPort(child: ChildProcess): Promise<number> {
  let text = ''
  for await (const chunk of child.stderr ?? []) {
    text += String(chunk)
    const match = /ready on http:\/\/\S*:(\d+),/.exec(text)
    if (match !== null) {
      child.stderr?.resume()
      return Number(match[1])
    }
  }
  throw new Error(`the daemon did not start: ${text}`)
}

async function call(port: number, method: string, path: string, body?: object): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 200)}`)
  return text
}

/** A line of /proc/<pid>/<file>, in MiB. */
export function memoryOf(pid: number, file: 'status' | 'smaps_rollup', key: string): number {
  const line = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))
  return Number(line?.[1] ?? 0) / 1024
}
