// Puts a file that is carried inside the executable onto the disk, once, and finds it there at later starts.
// The place is private: a directory of our own that no other user may write to, below directories in which
// no other user could put another in its place. A file's name carries the hash of its content, it appears under
// that name complete or not at all (written aside, synced, renamed), and what is found is used only with the right
// owner, mode and content: it is code that runs as us. Two starts at once do no harm.

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
  /** Its last name: `rg`, `koffi.node`. */
  readonly name: string
  /** SHA-256 of the content, in hex. */
  readonly sha256: string
  readonly bytes: number
  /** The content that the file must have; a file that is found is compared with it. */
  readonly read: () => Uint8Array
  /** Its content is compared by `prove`, before its first use: it is large, and a start need not have it. */
  readonly provenLater?: true
}

/** Files of other versions that no start has used for so long are removed. */
const UNUSED_MS = 30 * 24 * 3600 * 1000
/** A used file is marked as used at most this often. */
const MARK_MS = 24 * 3600 * 1000
/** A file whose content is compared. */
const PIECE_BYTES = 256 * 1024
/** Names that this module writes, and so all that it may remove: `<16 hex>-<name>`, aside with `.<hex>.part`. */
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
 * Whoever owns `directory`, or may write to it where no sticky bit protects the entries of others, can replace
 * what is in it. A group's right to write is accepted: the group is often the owner's own.
 */
function refuseReplaceable(directory: string): void {
  const { uid, mode } = lstatSync(directory)
  // In a user namespace root may be unknown, and `/` then shows whom it is taken for.
  const trusted = [process.getuid?.(), 0, lstatSync('/').uid]
  if (!trusted.includes(uid)) throw new Error(`${directory} belongs to another user`)
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) throw new Error(`${directory} may be written by everybody`)
}

/** The path of `packed` in the private directory, written there unless it is there already. */
export function unpack(directory: string, packed: Packed): string {
  const target = join(directory, `${packed.sha256.slice(0, 16)}-${packed.name}`)
  const found = lstatSync(target, { throwIfNoEntry: false })
  if (found !== undefined && isSound(found, packed) && (packed.provenLater === true || holds(target, packed))) {
    if (Date.now() - found.mtimeMs > MARK_MS) markUsed(target)
  } else {
    write(target, packed.read())
    sweep(directory)
  }
  // Refused on a file system mounted without exec, where the file would be of no use.
  accessSync(target, constants.X_OK)
  return target
}

function isSound(found: Stats, packed: Packed): boolean {
  return (
    found.isFile() && found.uid === process.getuid?.() && (found.mode & 0o777) === 0o700 && found.size === packed.bytes
  )
}

/** Writes the file that `unpack` has found anew where it does not hold what it must. */
export function prove(target: string, packed: Packed): void {
  if (!holds(target, packed)) write(target, packed.read())
}

/** Read in pieces: at 1 GB a second and more, without the memory of the whole. */
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

/** The mark is a courtesy to `sweep`; a read-only file system refuses it and may. */
function markUsed(target: string): void {
  try {
    utimesSync(target, new Date(), new Date())
  } catch {
    // see above
  }
}

/** Removes what other versions, or starts that were cut short, have left. What cannot be removed stays. */
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
