// The tree of the figures: 10,421 directories, 100,000 files of a few lines, rules of .gitignore here and there. Made
// once per run, in memory if the system has a place for that: 100,000 small files take a busy disk over a minute. For
// how cost grows, trees of the same shape and other sizes.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openGround } from './ground.ts'

export interface Tree extends Disposable {
  readonly path: string
  readonly files: number
  readonly directories: number
}

/** Files for each directory. */
const FILES_EACH = 100_000 / 10_421
const FILES = 100_000
/** Bytes of a small file and a directory's share, rounded up to pages. */
const BYTES_EACH = 4096 + 512
/** Number of files that hold the rare word. */
export const RARE_FILES = 20

export function makeTree(files = FILES): Tree {
  const ground = openGround('tree', { bytes: files * BYTES_EACH, files: files * 1.2 })
  const { path } = ground
  const count = Math.max(1, Math.round(files / FILES_EACH))
  const directories = [path]
  for (let i = 1; i < count; i++) {
    const directory = join(directories[Math.floor((i - 1) / 10)] ?? path, `dir${i}`)
    mkdirSync(directory)
    directories.push(directory)
  }
  for (let i = 0; i < files; i++) {
    const rare = i % (files / RARE_FILES) === 7 ? 'a rare_needle here\n' : ''
    const text = `export const value${i} = ${i}\n// common words stand here, line after line\n${rare}export default value${i}\n`
    writeFileSync(join(directories[i % count] ?? path, `file${i}.${i % 3 === 0 ? 'ts' : 'js'}`), text)
  }
  writeFileSync(join(path, '.gitignore'), '*.log\n/build/\nnode_modules/\n')
  for (let i = 100; i < count; i += 1000)
    writeFileSync(join(directories[i] ?? path, '.gitignore'), '*.tmp\n!keep.tmp\n')
  return { path, files, directories: count, [Symbol.dispose]: () => ground[Symbol.dispose]() }
}
