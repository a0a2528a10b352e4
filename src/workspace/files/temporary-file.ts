// A temporary file of ours: of random name, made exclusively and private, in the journal before it is made and
// out of it once it is gone (protocol.md#files-write; F-06, F-12). Disposing of it removes it. It is reached through
// the directory that it was made in, whatever the path of that comes to mean.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { open, rename, unlink } from '../../base/path-calls.ts'
import { bytesOfText, textOfBytes } from '../../base/bytes-text.ts'
import { errnoOf, Fault } from '../../base/fault.ts'
import { holdEntry, type HeldEntry } from './held-directory.ts'
import { heedful } from './remote-calls.ts'
import type { WriteJournal } from './write-journal.ts'

/** Bytes of the name beside which it stands that its own repeats, for those who find one; NAME_MAX is 255. */
const NAME_BYTES = 64

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants

export interface TemporaryFile extends AsyncDisposable {
  /** By which it is reached, for as long as its directory is held. */
  readonly path: string
  readonly handle: FileHandle
  /**
   * Closes it and gives it the name `target`, in the place of what has that; then it is no longer ours. Closed first,
   * since a program that is open for writing cannot be started.
   */
  become(target: HeldEntry): Promise<void>
}

/** In the directory of `beside`, which the caller holds for longer. */
export async function openTemporary(beside: HeldEntry, journal: WriteJournal): Promise<TemporaryFile> {
  const { real, way, directory } = temporaryBeside(beside)
  await journal.begin(real)
  const make = () => open(way, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  const closeLate = (late: FileHandle): void => void late.close().catch(() => undefined)
  const opened = await directory.call(real, make, closeLate).catch((error: unknown) => {
    // It may still come to be: then the next start finds it in the journal.
    if (!(error instanceof Fault && error.code === 'timeout')) journal.end(real)
    throw error
  })
  const handle = heedful(opened, real)
  let ours = true
  return {
    path: way,
    handle,
    async become(target) {
      await handle.close()
      await directory.call(real, () => target.directory.call('/', () => rename(way, target.way)))
      ours = false
      journal.end(real)
    },
    async [Symbol.asyncDispose]() {
      await handle.close()
      if (ours && (await directory.call(real, () => isGone(way)).catch(() => false))) journal.end(real)
    },
  }
}

/** In the daemon's own directory, for content that is kept while something happens elsewhere. */
export async function openAside(stateDirectory: string, journal: WriteJournal): Promise<TemporaryFile> {
  await using stack = new AsyncDisposableStack()
  const beside = stack.use(await holdEntry(join(stateDirectory, 'aside')))
  const file = stack.use(await openTemporary(beside, journal))
  const kept = stack.move()
  return { ...file, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** `.<name>.<random>~`: hidden, and ending as protocol.md#files-write has it. */
export function temporaryBeside({ directory, name }: HeldEntry): HeldEntry {
  const bytes = bytesOfText(name)
  let end = Math.min(bytes.byteLength, NAME_BYTES)
  while (end < bytes.byteLength && ((bytes[end] ?? 0) & 0xc0) === 0x80) end-- // not in the middle of a character
  return directory.entry(`.${textOfBytes(bytes.subarray(0, end))}.${randomBytes(8).toString('hex')}~`)
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
