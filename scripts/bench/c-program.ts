// A floor written in C, compiled for the run if the machine has a compiler.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { output, programPath } from './processes.ts'

export interface CProgram extends Disposable {
  /** Path of the program; undefined if there is no compiler. */
  readonly path: string | undefined
}

/** Compiles `source`, a file of scripts/bench/programs. */
export async function compile(source: string): Promise<CProgram> {
  const directory = mkdtempSync(join(tmpdir(), 'workspace-runtime-bench-'))
  const program = join(directory, basename(source, '.c'))
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  try {
    await output('gcc', ['-O2', '-o', program, programPath(source)])
    return { path: program, [Symbol.dispose]: remove }
  } catch {
    return { path: undefined, [Symbol.dispose]: remove }
  }
}
