// Directories made by one upload whose time, and permissions if they shut their owner out, can only be set once
// everything is in them. They are set when the archive has ended, or earlier where there are too many to keep
// and nothing of the member at hand lies below them: archives that go depth first never notice. Directories
// that were there before keep what they have.

import { chmodSync, fstatSync } from 'node:fs'
import { setPathTime } from '../../native/files.ts'
import type { Moment } from './unpack-header.ts'
import type { Ground } from './unpack-ground.ts'

/** Directories kept until the end: some 4 MiB. */
const MOST_PENDING = 20_000

interface Pending {
  readonly id: string
  mode: number | undefined
  mtime: Moment | undefined
}

export class MadeDirectories {
  readonly #pending = new Map<string, Pending>()
  readonly #most: number

  constructor(most: number = MOST_PENDING) {
    this.#most = most
  }

  /** It is open as `fd`, by which it is known again: another may have taken its place when its turn comes. */
  made(parts: readonly string[], fd: number): void {
    this.#pending.set(parts.join('/'), { id: identityOf(fd), mode: undefined, mtime: undefined })
  }

  /** A member describes the directory at `parts`; of one that was there before nothing is changed. */
  describe(parts: readonly string[], mode: number, mtime: Moment): void {
    const pending = this.#pending.get(parts.join('/'))
    if (pending === undefined) return
    pending.mode = mode
    pending.mtime = mtime
  }

  /** Between two members: makes room where it is needed. `parts`: the directory of the next. */
  relieve(ground: Ground, parts: readonly string[]): void {
    if (this.#pending.size <= this.#most) return
    const way = `${parts.join('/')}/`
    for (const key of [...this.#pending.keys()].toReversed()) if (!way.startsWith(`${key}/`)) this.#settle(ground, key)
  }

  /** The archive has ended. */
  settle(ground: Ground): void {
    for (const key of [...this.#pending.keys()].toReversed()) this.#settle(ground, key)
  }

  /** Below first: a directory that its owner may not enter is shut last. */
  #settle(ground: Ground, key: string): void {
    const { id, mode, mtime } = this.#pending.get(key) ?? {}
    this.#pending.delete(key)
    if (mode === undefined && mtime === undefined) return
    const fd = ground.find(key.split('/'))
    if (fd === undefined || identityOf(fd) !== id) return // taken away by somebody meanwhile
    const path = `/proc/self/fd/${fd}`
    if (mtime !== undefined) setPathTime(Buffer.from(path), { ...mtime, follow: true })
    if (mode === undefined) return
    const now = fstatSync(fd).mode & 0o7777
    const wanted = mode | (now & 0o2000)
    if (now !== wanted) chmodSync(path, wanted)
  }
}

function identityOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return `${dev}:${ino}`
}
