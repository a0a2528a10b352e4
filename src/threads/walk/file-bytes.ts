// Reads regular files on the walker's thread: rule files, content, hashes. Every open is non-blocking and follows no
// link unless told to, and the type of the opened file is checked before a byte is read, so that a FIFO or a device
// never holds the thread (F-01, F-02).

import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, readSync, type Stats } from 'node:fs'
import { openSync } from '../../base/path-calls.ts'
import { pathOfOpened } from '../../base/opened-path.ts'
import type { Refuses } from './left-out.ts'
import { Fault, errnoOf, faultOfSystem, quote } from '../../base/fault.ts'

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY
const NO_LINK = constants.O_NOFOLLOW

/** Bytes of text in one entry of a listing (protocol.md#files-read, read limit). */
export const CONTENT_BYTES = 10 * 1024 * 1024
/** Bytes at the beginning in which a NUL makes a file binary, as in git. */
const BINARY_PROBE = 8192
/** Bytes hashed between two looks at the clock. */
const HASH_CHUNK = 256 * 1024

/** Opens a file, calls `use` if it is a regular one, and closes it. Returns undefined for any other kind. */
function withRegular<T>(path: string | Buffer, flags: number, use: (fd: number, stats: Stats) => T): T | undefined {
  const fd = openSync(path, flags)
  try {
    const stats = fstatSync(fd)
    return stats.isFile() ? use(fd, stats) : undefined
  } finally {
    closeSync(fd)
  }
}

/**
 * Returns the text of a small file: empty if there is none, undefined if it cannot be read or is too large. A link
 * counts as no file unless `follow` is set; then anything but a regular file is empty (git reads /dev/null as a file
 * without rules).
 */
export function readSmallFile(path: string, limit: number, follow = false): string | undefined {
  const text = (fd: number, { size }: Stats) =>
    size > limit ? TOO_LARGE : (readUpTo(fd, size, limit)?.toString('utf8') ?? TOO_LARGE)
  try {
    const read = withRegular(path, follow ? FLAGS : FLAGS | NO_LINK, text)
    if (read === undefined) return follow ? '' : undefined
    return read === TOO_LARGE ? undefined : read
  } catch (error) {
    const code = errnoOf(error)
    return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' ? '' : undefined
  }
}

const TOO_LARGE = Symbol('too large')

/** Reads to the end of the file, even if it has grown beyond `size`. Returns undefined beyond `limit` bytes. */
function readUpTo(fd: number, size: number, limit: number): Buffer | undefined {
  const chunks: Buffer[] = []
  for (let total = 0; total <= limit;) {
    const chunk = Buffer.allocUnsafe(Math.max(1024, size + 1 - total))
    const read = readSync(fd, chunk)
    if (read === 0) return Buffer.concat(chunks, total)
    chunks.push(chunk.subarray(0, read))
    total += read
  }
  return undefined
}

/** The reason why a listing lacks the content of a file. */
export type Skipped = 'binary' | 'oversize' | 'budget' | 'unreadable'

/** Returns the content of a regular file that is text and fits `budget` bytes, or the reason why not. */
export function readContent(path: string | Buffer, budget: number, refuses?: Refuses): Buffer | Skipped {
  const read = (fd: number, { size }: Stats): Buffer | Skipped =>
    refuses?.(fd) === true ? 'unreadable' : contentOf(fd, size, budget)
  try {
    return withRegular(path, FLAGS | NO_LINK, read) ?? 'unreadable'
  } catch {
    return 'unreadable'
  }
}

function contentOf(fd: number, size: number, budget: number): Buffer | Skipped {
  const probe = Buffer.allocUnsafe(BINARY_PROBE)
  const read = readSync(fd, probe, 0, BINARY_PROBE, 0)
  if (probe.subarray(0, read).includes(0)) return 'binary'
  if (size > CONTENT_BYTES) return 'oversize'
  if (size > budget) return 'budget'
  // The file may have grown meanwhile: content that no longer fits is left out.
  return readUpTo(fd, size, Math.min(CONTENT_BYTES, budget)) ?? (budget < CONTENT_BYTES ? 'budget' : 'oversize')
}

/**
 * Returns the SHA-256 of a regular file as hex; at each `yield` the walk may end its turn. Throws `not_regular` or the
 * system's error.
 */
export function* hashSteps(
  path: string | Buffer,
  { follow = false, refuses }: { follow?: boolean; refuses?: Refuses | undefined } = {},
): Generator<void, string> {
  const fd = openSync(path, follow ? FLAGS : FLAGS | NO_LINK)
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile() || refuses?.(fd) === true) throw notRegular(path)
    const hash = createHash('sha256')
    const chunk = Buffer.allocUnsafe(Math.min(HASH_CHUNK, Math.max(4096, stats.size + 1)))
    for (;;) {
      const read = readSync(fd, chunk)
      if (read === 0) return hash.digest('hex')
      hash.update(chunk.subarray(0, read))
      yield
    }
  } finally {
    closeSync(fd)
  }
}

function notRegular(path: string | Buffer): Fault {
  return new Fault('not_regular', `path ${quote(path.toString())} is not a regular file; only those have a hash`)
}

/** Returns the hash of the file that a caller named, or that `fd` is; follows a link. Throws a Fault. */
export function* hashNamed(path: string, fd?: number): Generator<void, string> {
  try {
    return yield* hashSteps(fd === undefined ? path : pathOfOpened(fd), { follow: true })
  } catch (error) {
    throw faultOfSystem(error, path)
  }
}
