// The processes a benchmark starts. All are known here, so that none outlives the run or a figure that met
// its deadline.

import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const alive = new Set<ChildProcess>()
process.on('exit', killAll)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

export function start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return adopt(spawn(command, args, options))
}

export function adopt(child: ChildProcess): ChildProcess {
  alive.add(child)
  return child.once('exit', () => alive.delete(child)).once('error', () => alive.delete(child))
}

export function killAll(): void {
  for (const child of alive) child.kill('SIGKILL')
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Runs a program to its end; resolves with its stdout. Throws unless the exit code is one of `codes`. */
export async function output(command: string, args: readonly string[], codes = [0]): Promise<string> {
  const child = start(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await once(child, 'close')
  if (!codes.includes(child.exitCode ?? -1)) throw new Error(`${command} ended with ${child.exitCode ?? 'a signal'}`)
  return text
}

/** Resolves with the milliseconds until a program's stdout has ended, or until it has printed `lines` lines. */
export async function timeToRead(command: string, args: readonly string[], lines = Infinity): Promise<number> {
  const began = performance.now()
  const child = start(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let left = lines
  child.stdout?.on('data', (chunk: Buffer) => {
    if (left === Infinity) return
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) left--
    if (left <= 0) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return performance.now() - began
}

/** Returns the path of a program of this machine's PATH; undefined if there is none. */
export function programOf(...names: readonly string[]): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'].filter((directory) => directory !== '')
  return names.flatMap((name) => directories.map((directory) => join(directory, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Returns the path of a program of scripts/bench/programs, which this Node runs. */
export const programPath = (name: string): string => fileURLToPath(new URL(`./programs/${name}`, import.meta.url))

/** Resolves with the first line that a started program writes to stdout. */
export async function firstLine(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
  })
  child.once('exit', (code) => reject(new Error(`a program of the benchmark ended with ${code} before it was ready`)))
  return promise
}
