// A temporary file of ours: of random name, made exclusively and private, in the journal before it is made and
// out of it once it is gone (contract 18; reliability F-06, F-12). Disposing of it removes it.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { errnoOf } from '../../base/fault.ts'
import type { WriteJournal } from './write-journal.ts'

/** Bytes of the name beside which it stands that its own repeats, for those who find one; NAME_MAX is 255. */
const NAME_BYTES = 64

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants

export interface TemporaryFile extends AsyncDisposable {
  readonly path: string
  readonly handle: FileHandle
  /**
   * Closes it and gives it the name `target`, in the place of what has that; then it is no longer ours. Closed first,
   * since a program that is open for writing cannot be started.
   */
  become(target: string): Promise<void>
}

export async function openTemporary(beside: string, journal: WriteJournal): Promise<TemporaryFile> {
  const path = temporaryBeside(beside)
  await journal.begin(path)
  const handle = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600).catch((error: unknown) => {
    journal.end(path)
    throw error
  })
  let ours = true
  return {
    path,
    handle,
    async become(target) {
      await handle.close()
      await rename(path, target)
      ours = false
      journal.end(path)
    },
    async [Symbol.asyncDispose]() {
      await handle.close()
      if (ours && (await isGone(path))) journal.end(path)
    },
  }
}

/** `.<name>.<random>~`: hidden, and ending as contract 17 has it. */
export function temporaryBeside(target: string): string {
  const name = Buffer.from(basename(target))
  let end = Math.min(name.byteLength, NAME_BYTES)
  while (end < name.byteLength && ((name[end] ?? 0) & 0xc0) === 0x80) end-- // not in the middle of a character
  const directory = dirname(target)
  return `${directory === '/' ? '' : directory}/.${name.toString('utf8', 0, end)}.${randomBytes(8).toString('hex')}~`
}

/** False only where the file could not be removed: then it stays in the journal for the next start. */
async function isGone(path: string): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR'
  }
}
