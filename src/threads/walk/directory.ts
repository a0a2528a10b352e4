// `readDirectory` reads the entries of one directory synchronously. Names that are not UTF-8 keep their bytes, so that
// they can be opened and told apart (protocol.md#files-change, F-16). A very large directory is read in pieces, so that
// memory does not grow with it (F-18).

import { bytesOfText, shownText } from '../../base/bytes-text.ts'
import { isFirm, withDirectory, type Refuses } from './left-out.ts'
import { lstatSync, opendirSync, readdirSync, statSync, type Dir, type Dirent } from 'node:fs'

export type EntryKind = 'file' | 'directory' | 'symlink' | Special

/** Neither file, directory nor link; a listing shows it as a file with `special`. */
export type Special = 'fifo' | 'socket' | 'block_device' | 'character_device'

export interface Item {
  /** The name as text, with U+FFFD for bytes that are not UTF-8. */
  readonly name: string
  readonly kind: EntryKind
  /** The bytes of a name that is not UTF-8; undefined for any other. */
  readonly raw: Buffer | undefined
}

/** The path of a directory: text, and its bytes if it is not UTF-8. */
export interface Location {
  readonly path: string
  readonly raw: Buffer | undefined
}

/**
 * A directory file of more bytes than this is read piece by piece. It holds some 25,000 entries on ext4;
 * for smaller ones a single read is twice as fast (measured).
 */
const LARGE_DIRECTORY = 1024 * 1024
/** Entries read at a time from a large directory. */
const PIECE = 1024

export interface DirectoryReading {
  readonly items: Iterable<Item>
  /** True if `items` are read while the caller loops; leaving the loop closes the directory. */
  readonly large: boolean
  /** Inode number: another directory of the same name has another one. */
  readonly inode: number
  /** True if no other user may exchange its entries. */
  readonly firm: boolean
}

/**
 * Reads the directory; throws the system's error. Only the `root` of a walk may be a symbolic link; `refuses` is not
 * asked about it.
 */
export function readDirectory({ path, raw }: Location, root = false, refuses?: Refuses): DirectoryReading {
  const where = raw ?? path
  if (refuses === undefined) return readAt(where, root)
  return (
    withDirectory(where, refuses, (opened) => readAt(opened, true, true)) ?? {
      items: [],
      large: false,
      inode: 0,
      firm: false,
    }
  )
}

/** `now`: the path is valid during this call only, so a large directory is opened in it. */
function readAt(where: string | Buffer, root: boolean, now = false): DirectoryReading {
  const stats = root ? statSync(where) : lstatSync(where)
  // A directory that became a link after its parent was read is not followed.
  const inode = stats.ino
  if (stats.isSymbolicLink()) return { items: [], large: false, inode, firm: false }
  const firm = isFirm(stats)
  if (stats.size > LARGE_DIRECTORY) {
    const opened = now ? openPieces(where) : undefined
    return { items: readInPieces(() => opened ?? openPieces(where)), large: true, inode, firm }
  }
  const items: Item[] = []
  for (const entry of readdirSync(where, { withFileTypes: true })) {
    if (entry.name.includes('\uFFFD')) return { items: readRaw(where), large: false, inode, firm }
    items.push({ name: entry.name, kind: kindOf(entry), raw: undefined })
  }
  return { items, large: false, inode, firm }
}

/** Returns the location of a walk's root; its path may hold bytes that are not UTF-8 (bytes-text.ts). */
export function rootLocation(path: string): Location {
  return path.isWellFormed() ? { path, raw: undefined } : { path: shownText(path), raw: bytesOfText(path) }
}

/** Returns the location of an entry, with bytes if either part has them. */
export function below(location: Location, item: Item): Location {
  const prefix = location.path === '/' ? '/' : `${location.path}/`
  const path = prefix + item.name
  if (location.raw === undefined && item.raw === undefined) return { path, raw: undefined }
  const head = location.raw === undefined ? Buffer.from(prefix) : Buffer.concat([location.raw, SLASH])
  return { path, raw: Buffer.concat([head, item.raw ?? Buffer.from(item.name)]) }
}

const SLASH = Buffer.from('/')

/**
 * Returns a location relative to `root`, with bytes only if it is not UTF-8. The bytes of a root that was opened before
 * (`/proc/self/fd/…`) differ from its path, so text and bytes are each cut by their own length.
 */
export function relative(root: Location, { path, raw }: Location): Location {
  if (raw === undefined) return { path: path.slice(lengthBelow(root.path)), raw }
  const bytes = raw.subarray(lengthBelow(root.raw ?? Buffer.from(root.path)))
  const text = bytes.toString('utf8')
  const exact = !text.includes('\uFFFD') || Buffer.from(text).equals(bytes)
  return { path: text, raw: exact ? undefined : bytes }
}

function lengthBelow(root: string | Buffer): number {
  return root.toString('latin1') === '/' ? 1 : root.length + 1
}

function readRaw(where: string | Buffer): Item[] {
  return readdirSync(where, { withFileTypes: true, encoding: 'buffer' }).map((entry) => rawItem(entry))
}

function rawItem(entry: Dirent<Buffer>): Item {
  const name = entry.name.toString('utf8')
  const exact = !name.includes('\uFFFD') || Buffer.from(name).equals(entry.name)
  return { name, kind: kindOf(entry), raw: exact ? undefined : entry.name }
}

function openPieces(where: string | Buffer): Dir {
  // @types/node says otherwise, but `encoding: 'buffer'` makes names Buffers here too.
  return opendirSync(where, { bufferSize: PIECE, encoding: 'buffer' as BufferEncoding })
}

function* readInPieces(open: () => Dir): Generator<Item> {
  const directory = open()
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      yield rawItem(entry as unknown as Dirent<Buffer>)
    }
  } finally {
    directory.closeSync()
  }
}

function kindOf(entry: Dirent<string> | Dirent<Buffer>): EntryKind {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  if (entry.isSymbolicLink()) return 'symlink'
  if (entry.isFIFO()) return 'fifo'
  if (entry.isSocket()) return 'socket'
  if (entry.isBlockDevice()) return 'block_device'
  return entry.isCharacterDevice() ? 'character_device' : 'file'
}
