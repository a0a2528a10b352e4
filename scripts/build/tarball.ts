// A tar archive that depends on its contents alone: entries in order of their names, owned by root, all of one time.
// Pure: values in, bytes out.

import { Header } from 'tar'

export interface Entry {
  readonly path: string
  readonly mode: number
  readonly content: Buffer
}

/** Bytes of a name that ustar stores in one field, enough here. */
const LONGEST_NAME = 100
const BLOCK = 512

export function tarball(entries: readonly Entry[], mtime: Date): Buffer {
  const blocks = entries
    .toSorted((one, other) => (one.path < other.path ? -1 : 1))
    .flatMap((entry) => [headerOf(entry, mtime), entry.content, paddingOf(entry.content.length)])
  // Two empty blocks end an archive.
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

function headerOf({ path, mode, content }: Entry, mtime: Date): Buffer {
  if (Buffer.byteLength(path) > LONGEST_NAME) throw new Error(`${path} is too long a name`)
  const owner = { uid: 0, gid: 0, uname: 'root', gname: 'root' }
  const header = new Header({ path, mode, size: content.length, mtime, type: 'File', ...owner })
  header.encode()
  if (header.block === undefined || header.needPax) throw new Error(`${path} does not fit into a plain header`)
  return header.block
}

function paddingOf(length: number): Buffer {
  return Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK)
}
