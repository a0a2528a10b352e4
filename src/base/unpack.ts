// Puts a file that is carried inside the executable onto the disk, once; later starts find it there. The place is
// private: a directory of our own that no other user may write to, below directories in which no other user could
// replace it. A file's name carries the hash of its content, it appears under that name complete or not at all (written
// aside, synced, renamed), and a file that exists is used only with the right owner, mode and content: it is code that
// runs as us. Two starts at once do no harm.

import { randomBytes } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  utimesSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { makeWithParents } from './make-directories.ts'

/** A file to be unpacked. */
export interface Packed {
  /** Last component of its name: `rg`, `koffi.node`. */
  readonly name: string
  /** SHA-256 of the content, in hex. */
  readonly sha256: string
  readonly bytes: number
  /** Returns the content that the file must have; an existing file is compared with it. */
  readonly read: () => Uint8Array
  /** True if `prove` compares the content before its first use: the file is large, and a start may not need it. */
  readonly provenLater?: true
}

/** Age since the last use at which files of other versions are removed. */
const UNUSED_MS = 30 * 24 * 3600 * 1000
/** Time between two marks of a file as used, at least. */
const MARK_MS = 24 * 3600 * 1000
/** Bytes that are compared at a time. */
const PIECE_BYTES = 256 * 1024
/** Names that this module writes, the only ones that it may remove: `<16 hex>-<name>`, aside with `.<hex>.part`. */
const OURS = /^[0-9a-f]{16}-[\w.-]+$/

/**
 * Makes `directory` if needed and refuses it unless it is ours alone; throws an Error that says why. Returns
 * its real path: a link on the way to it, checked now, could lead elsewhere later.
 */
export function privateDirectory(directory: string): string {
  makeWithParents(directory, 0o700)
  if (lstatSync(directory).isSymbolicLink()) throw new Error(`${directory} is a link, not a directory`)
  const real = realpathSync(directory)
  for (let at = real; at !== '/';) {
    at = dirname(at)
    refuseReplaceable(at)
  }
  const found = lstatSync(real)
  if (!found.isDirectory()) throw new Error(`${directory} is not a directory`)
  if (found.uid !== process.getuid?.()) throw new Error(`${directory} belongs to another user`)
  if ((found.mode & 0o077) !== 0) chmodSync(real, 0o700)
  return real
}

/**
 * Refuses a directory whose owner is not trusted, or that others may write to without a sticky bit to protect entries:
 * they could replace what is in it. A group's right to write is accepted: the group is often the owner's own.
 */
function refuseReplaceable(directory: string): void {
  const { uid, mode } = lstatSync(directory)
  // In a user namespace root may be unmapped; the owner of `/` then shows the uid that stands for root.
  const trusted = [process.getuid?.(), 0, lstatSync('/').uid]
  if (!trusted.includes(uid)) throw new Error(`${directory} belongs to another user`)
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) throw new Error(`${directory} may be written by everybody`)
}

/** Returns the path of `packed` in the private directory; writes the file unless it exists already. */
export function unpack(directory: string, packed: Packed): string {
  const target = join(directory, `${packed.sha256.slice(0, 16)}-${packed.name}`)
  const found = lstatSync(target, { throwIfNoEntry: false })
  if (found !== undefined && isSound(found, packed) && (packed.provenLater === true || holds(target, packed))) {
    if (Date.now() - found.mtimeMs > MARK_MS) markUsed(target)
  } else {
    write(target, packed.read())
    sweep(directory)
  }
  // access(2) fails on a file system mounted without exec, where the file would be of no use.
  accessSync(target, constants.X_OK)
  return target
}

function isSound(found: Stats, packed: Packed): boolean {
  return (
    found.isFile() && found.uid === process.getuid?.() && (found.mode & 0o777) === 0o700 && found.size === packed.bytes
  )
}

/** Writes the file that `unpack` has found again if its content is wrong. */
export function prove(target: string, packed: Packed): void {
  if (!holds(target, packed)) write(target, packed.read())
}

/** True if the file has the content. Reads it in pieces, at 1 GB a second and more, without the memory of the whole. */
function holds(target: string, packed: Packed): boolean {
  const content = packed.read()
  const piece = Buffer.allocUnsafe(PIECE_BYTES)
  try {
    const file = openSync(target, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      for (let at = 0; ;) {
        const read = readSync(file, piece)
        if (read === 0) return at === content.byteLength
        if (!piece.subarray(0, read).equals(content.subarray(at, at + read))) return false
        at += read
      }
    } finally {
      closeSync(file)
    }
  } catch {
    return false
  }
}

function write(target: string, content: Uint8Array): void {
  const aside = `${target}.${randomBytes(6).toString('hex')}.part`
  try {
    const file = openSync(aside, 'wx', 0o700)
    try {
      for (let at = 0; at < content.byteLength;) at += writeSync(file, content, at)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    chmodSync(aside, 0o700) // the umask may have taken rights away
    renameSync(aside, target)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
}

/** Marks the file as used, for `sweep` only; a read-only file system refuses the mark, which does no harm. */
function markUsed(target: string): void {
  try {
    utimesSync(target, new Date(), new Date())
  } catch {
    // see above
  }
}

/** Removes files of other versions and of starts that were cut short. A file that cannot be removed stays. */
function sweep(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (!OURS.test(name)) continue
    try {
      const path = join(directory, name)
      if (Date.now() - lstatSync(path).mtimeMs > UNUSED_MS) rmSync(path)
    } catch {
      // removed by another start in between, or not ours to remove
    }
  }
}
