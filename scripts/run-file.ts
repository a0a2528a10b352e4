// Runs one test file as a process and reads the TAP that it prints. `tap run` in between would read and write every
// line once more and load its plugins into each process: a quarter of a second for each file.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { slowness } from './slowness.ts'
import { type FileResult, TapResults } from './tap-results.ts'

export interface FileRun {
  readonly root: string
  /** Path of the test file, from the root. */
  readonly file: string
  readonly env: NodeJS.ProcessEnv
}

/** Seconds after which tap ends a file that hangs, in the process of the file. */
const FILE_SECONDS = 900
const KILL_MS = (FILE_SECONDS + 60) * 1000
/** Time to wait for processes that still hold the output of a file that has ended. */
const HELD_MS = 5_000

export async function runFile({ root, file, env }: FileRun): Promise<FileResult> {
  const began = performance.now()
  const child = spawn(process.execPath, [file], {
    cwd: root,
    env: { ...env, TAP_TIMEOUT: String(FILE_SECONDS) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let result: FileResult | undefined
  const results = new TapResults((told) => (result = told))
  results.line(`# Subtest: ${file}`)
  createInterface({ input: child.stdout }).on('line', (line) => results.line(`    ${line}`))
  const closed = once(child, 'close')
  const kill = setTimeout(() => child.kill('SIGKILL'), KILL_MS)
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  clearTimeout(kill)
  await Promise.race([closed, sleep(HELD_MS * slowness(), undefined, { ref: false })])
  child.stdout.destroy()
  results.line(`${code === 0 ? 'ok' : 'not ok'} 1 - ${file} # time=${performance.now() - began}ms`)
  for (const line of ['---', signal === null ? `exitCode: ${code}` : `signal: ${signal}`, '...']) {
    results.line(`  ${line}`)
  }
  results.end()
  if (result === undefined) throw new Error(`${file} has no result`)
  return result.tests.length > 0 ? result : { ...result, ok: false, diagnosis: `${result.diagnosis}\nit ran no test` }
}

/** Runs the files in their order, `jobs` at a time. */
export async function runFiles(
  runs: readonly FileRun[],
  jobs: number,
  onFile: (result: FileResult) => void,
  stop: AbortSignal,
): Promise<void> {
  const waiting = [...runs]
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !stop.aborted; next = waiting.shift()) {
      onFile(await runFile(next))
    }
  }
  await Promise.all(Array.from({ length: jobs }, lane))
}
