// What an archive had to leave out, gathered while it is made: counts by reason and the first paths, in
// bounded memory, to be told after the last byte (T-06).

import { errnoOf } from '../../base/fault.ts'
import type { PackRemarks } from './pack-job.ts'

/** Paths that are named. */
const NAMED = 10
/** Characters of one that are kept: ten of them, escaped, stay below the 16 KiB that clients take of trailers. */
const NAME_LENGTH = 200

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'vanished',
  ENOTDIR: 'vanished',
  ELOOP: 'vanished', // a link has taken the file's place
  ENXIO: 'socket', // by the time it was opened
  ENAMETOOLONG: 'path_too_long',
}

export class Remarks {
  #unlinked = 0
  readonly #skipped: Record<string, number> = {}
  readonly #first: [reason: string, path: string][] = []

  skip(reason: string, path: string): void {
    this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1
    if (this.#first.length < NAMED) this.#first.push([reason, path.slice(0, NAME_LENGTH)])
  }

  /** Skips what a system call failed on; throws what is no failure of the system. */
  fail(error: unknown, path: string): void {
    const code = errnoOf(error)
    if (code === undefined) throw error
    this.skip(REASONS[code] ?? 'unreadable', path)
  }

  /** A hard link went in as a file. */
  unlink(): void {
    this.#unlinked++
  }

  get all(): PackRemarks {
    return { skipped: this.#skipped, first: this.#first, unlinked: this.#unlinked }
  }
}
