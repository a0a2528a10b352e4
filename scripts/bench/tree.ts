// The tree of the design's measured facts: 10,421 directories, 100,000 files of a few lines, rules of
// .gitignore here and there. Made once per run, in memory where the system has a place for that: 100,000
// small files take a busy disk over a minute.

import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Tree extends Disposable {
  readonly path: string
  readonly files: number
}

const DIRECTORIES = 10_421
const FILES = 100_000
/** linux/magic.h */
const TMPFS_MAGIC = 0x01021994
/** Files that hold the rare word. */
export const RARE_FILES = 20

export function makeTree(): Tree {
  const path = mkdtempSync(join(place(), 'workspace-runtime-tree-'))
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  process.once('exit', remove) // an interrupted run disposes of nothing, and this is memory
  const directories = [path]
  for (let i = 1; i < DIRECTORIES; i++) {
    const directory = join(directories[Math.floor((i - 1) / 10)] ?? path, `dir${i}`)
    mkdirSync(directory)
    directories.push(directory)
  }
  for (let i = 0; i < FILES; i++) {
    const rare = i % (FILES / RARE_FILES) === 7 ? 'a rare_needle here\n' : ''
    const text = `export const value${i} = ${i}\n// common words stand here, line after line\n${rare}export default value${i}\n`
    writeFileSync(join(directories[i % DIRECTORIES] ?? path, `file${i}.${i % 3 === 0 ? 'ts' : 'js'}`), text)
  }
  writeFileSync(join(path, '.gitignore'), '*.log\n/build/\nnode_modules/\n')
  for (let i = 100; i < DIRECTORIES; i += 1000)
    writeFileSync(join(directories[i] ?? path, '.gitignore'), '*.tmp\n!keep.tmp\n')
  return { path, files: FILES, [Symbol.dispose]: remove }
}

function place(): string {
  const memory = '/dev/shm'
  try {
    accessSync(memory, constants.W_OK)
    const { type, ffree, bavail, bsize } = statfsSync(memory)
    if (type === TMPFS_MAGIC && ffree > 2 * FILES && bavail * bsize > 1024 ** 3) return memory
  } catch {
    // there is none here
  }
  return tmpdir()
}
