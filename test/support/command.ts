// Runs the command under test to its end, in the environment that the test gives and no other; and makes a PATH that
// lacks some of the system's programs, for tests of what needs none of them.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { COMMAND } from './daemon.ts'

/** Time after which a command that hangs is killed. */
const LAST_MS = 300_000

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  wrapper: readonly string[] = [],
): Promise<Ended> {
  const [command = '', ...first] = [...wrapper, ...COMMAND]
  const child = spawn(command, [...first, ...args], { env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const timer = setTimeout(() => child.kill('SIGKILL'), LAST_MS)
  await once(child, 'close')
  clearTimeout(timer)
  return { code: child.exitCode, stdout, stderr }
}

/** Fills `directory` with links to everything in /usr/bin except `names`, and returns it. */
export function pathWithout(directory: string, names: readonly string[]): string {
  mkdirSync(directory, { recursive: true })
  for (const name of readdirSync('/usr/bin')) {
    if (!names.includes(name)) symlinkSync(join('/usr/bin', name), join(directory, name))
  }
  return directory
}
