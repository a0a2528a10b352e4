// The unpacker's notes of the temporary file it is about to make, so that one that is killed leaves none
// behind (protocol.md#archives, T-05). A line is `f` or `l`, for a file or a link, and the path as a byte
// string in JSON; the kernel has it before the file is there. workspace/archives/unpack-journals.ts reads it.

import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs'

export type TemporaryKind = 'file' | 'link'

/** The notes begin anew after so many bytes, some 400 files: all of these but the last are in their places. */
const RESTART_BYTES = 64 * 1024

export class UnpackJournal implements Disposable {
  readonly #fd: number | undefined
  #bytes = 0

  constructor(path: string | undefined) {
    this.#fd =
      path === undefined ? undefined : openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW)
  }

  /** To be called when the one before is gone. A full disk under the journal does not forbid files elsewhere. */
  note(kind: TemporaryKind, path: string): void {
    if (this.#fd === undefined) return
    try {
      if (this.#bytes > RESTART_BYTES) this.clear()
      this.#bytes += writeSync(this.#fd, `${kind === 'file' ? 'f' : 'l'}${JSON.stringify(path)}\n`)
    } catch {
      this.#bytes = RESTART_BYTES + 1
    }
  }

  /** Nothing is left of what was noted. */
  clear(): void {
    if (this.#fd !== undefined) ftruncateSync(this.#fd)
    this.#bytes = 0
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}
