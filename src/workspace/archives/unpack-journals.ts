// The notes that unpackers keep of their temporary files (UnpackJournal in threads/archive/unpack-job.ts), one file per
// upload in the state directory. The main thread makes it before the thread starts, reads it if the thread did not end
// by itself, and reads those of dead daemons at the next start (protocol.md#archives, T-05). What a note names is
// removed only if it has a name of ours and is what the note says: a regular file, or a symbolic link.

import { constants } from 'node:fs'
import { lstat, open, readdir, readFile, readlink, rm, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pathOfOpened } from '../../base/opened-path.ts'
import { isTemporaryName } from '../../base/temporary-name.ts'
import { makeWithParents } from '../../base/make-directories.ts'
import { isAlive, processName } from '../processes/process-table.ts'

const JOURNAL = /^unpack-(.+)-\d+\.journal$/

export interface UnpackJournals {
  /**
   * Resolves with the path of an empty journal; undefined: the state directory cannot be written, so nothing is noted.
   */
  open(): Promise<string | undefined>
  /** Removes the files that the journal names and that still exist, and the journal. */
  close(path: string | undefined): Promise<void>
}

/** Removes the remains of earlier daemons, and resolves with the journals of this one. */
export async function openUnpackJournals(stateDirectory: string): Promise<UnpackJournals> {
  const owner = await processName()
  let last = 0
  await sweep(stateDirectory)
  return {
    async open() {
      const path = join(stateDirectory, `unpack-${owner}-${++last}.journal`)
      try {
        makeWithParents(stateDirectory, 0o700)
        await (await open(path, 'wx', 0o600)).close()
        return path
      } catch {
        return undefined // the write journal has told the reason (workspace.writer.problem)
      }
    },
    async close(path) {
      if (path !== undefined) await settle(path)
    },
  }
}

async function sweep(stateDirectory: string): Promise<void> {
  for (const name of await readdir(stateDirectory).catch(() => [])) {
    const owner = JOURNAL.exec(name)?.[1]
    if (owner !== undefined && !(await isAlive(owner))) await settle(join(stateDirectory, name))
  }
}

async function settle(journal: string): Promise<void> {
  for (const { kind, path } of notesOf(await readFile(journal, 'utf8').catch(() => ''))) await remove(kind, path)
  await rm(journal, { force: true })
}

interface Note {
  readonly kind: string
  /** Bytes: a name need not be UTF-8. */
  readonly path: Buffer
}

/** Returns the notes of a journal. A torn last line was written before its file was made: it is skipped. */
export function notesOf(journal: string): Note[] {
  return journal
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      try {
        const path: unknown = JSON.parse(line.slice(1))
        return typeof path === 'string' ? [{ kind: line.slice(0, 1), path: Buffer.from(path, 'latin1') }] : []
      } catch {
        return []
      }
    })
}

/** Removes through its directory, opened: a link that stands on the way now leads to what is not ours to remove. */
async function remove(kind: string, path: Buffer): Promise<void> {
  const text = path.toString('latin1')
  if (!isTemporaryName(basename(text))) return
  try {
    await using directory = await open(Buffer.from(dirname(text), 'latin1'), constants.O_RDONLY | constants.O_DIRECTORY)
    const own = pathOfOpened(directory.fd)
    if ((await readlink(own, { encoding: 'latin1' })) !== dirname(text)) return
    const entry = Buffer.from(`${own}/${basename(text)}`, 'latin1')
    const stats = await lstat(entry)
    if (kind === 'f' ? stats.isFile() : kind === 'l' && stats.isSymbolicLink()) await unlink(entry)
  } catch {
    // The file is in its place, gone, or on a file system that is not mounted now.
  }
}
