// One run of the command under test to its end, with nothing of the test's environment but what is given.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { COMMAND } from './daemon.ts'

/** Ends a command that hangs. */
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
