// An open file writer and a directory to write in. At the end of the test the writer must have left nothing in its
// state directory.

import { readdirSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openFileWriter, type FileWriter, type WriteRequest } from '../../src/workspace/files/write/file-writer.ts'
import type { Written } from '../../src/workspace/files/write/write-job.ts'
import { ground, type Ground } from './mounting.ts'

export interface Desk extends Ground {
  /** Writes, and answers with what most tests look at. */
  readonly write: (
    path: string,
    content: WriteRequest['content'],
    more?: Partial<WriteRequest>,
  ) => Promise<Pick<Written, 'size' | 'atomic' | 'hash'>>
  readonly writer: FileWriter
  readonly stateDirectory: string
}

export async function desk(t: Test, durable = false): Promise<Desk> {
  const { signal } = new AbortController()
  const base = ground(t)
  const dir = join(base.dir, 'work')
  const stateDirectory = join(base.dir, 'state')
  await mkdir(dir)
  const writer = await openFileWriter({ stateDirectory, durable })
  base.undo.push(async () => {
    await writer[Symbol.asyncDispose]()
    const left = readdirSync(stateDirectory)
    if (left.length > 0) throw new Error(`left in the state directory: ${left.join(', ')}`)
  })
  const usual = { encoding: 'utf8', createDirs: false, append: false } as const
  const write: Desk['write'] = async (path, content, more) => {
    const { etag: _, created: __, ...written } = await writer.write({ path, content, ...usual, ...more }, signal)
    return written
  }
  return { dir, write, writer, stateDirectory, undo: base.undo }
}
