// The header blocks of one archive member: ustar, with a PAX header before it where ustar cannot say
// everything (POSIX.1-2001): long names, names that are not ASCII, sizes above 8 GiB, times with fractions.
// Names are bytes, and so are PAX records (F-16).

import type { Location } from '../walk/directory.ts'
import { BLOCK, writeUstar } from './pack-ustar.ts'
import { readSync } from 'node:fs'

export { BLOCK }

export type MemberType = 'File' | 'Directory' | 'SymbolicLink' | 'Link'

/** A name as text, and as bytes where those are not UTF-8. */
export type Name = Location

export interface Member {
  readonly type: MemberType
  readonly name: Name
  /** Permission bits and setuid, setgid, sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970. */
  readonly mtime: bigint
  /** Bytes of content; 0 for everything but files. */
  readonly size: number
  /** Target of a link: of a hard link the name of an earlier member. */
  readonly link?: Name
}

const SECOND = 1_000_000_000n
/** Seconds to either side of 1970 that readers with dates of ECMA-262 (21.4.1.1) take: the PAX record has the rest. */
const DATE_SECONDS = 8_640_000_000_000n

export function headerOf(member: Member): Buffer {
  const { type, mode, uid, gid, size } = member
  const seconds = floorSeconds(member.mtime)
  const block = Buffer.alloc(BLOCK)
  const link = member.link === undefined ? {} : { linkPath: member.link.path }
  const fields = { type, mode, uid, gid, size, path: shownName(member), mtime: nearSeconds(seconds), ...link }
  const complete = writeUstar(block, fields)
  const insufficient = !complete || member.name.raw !== undefined || member.link?.raw !== undefined
  const records = insufficient ? fullRecords(member) : []
  if (insufficient || member.mtime !== seconds * SECOND) records.push(record('mtime', decimal(member.mtime)))
  return records.length === 0 ? block : Buffer.concat([paxHeader(records, seconds), block])
}

/** Directories end in a slash, as every tar writes them. */
function shownName({ name, type }: Member): string {
  return type === 'Directory' ? `${name.path}/` : name.path
}

function fullRecords({ type, name, link, size, uid, gid }: Member): Buffer[] {
  const slash = type === 'Directory' ? '/' : ''
  const binary = name.raw !== undefined || link?.raw !== undefined
  return [
    // Names are taken as they are, whatever the character set (POSIX pax, "hdrcharset").
    ...(binary ? [record('hdrcharset', 'BINARY')] : []),
    record('path', name.raw === undefined ? name.path + slash : Buffer.concat([name.raw, Buffer.from(slash)])),
    ...(link === undefined ? [] : [record('linkpath', link.raw ?? link.path)]),
    ...(size > MOST_IN_OCTAL.size ? [record('size', String(size))] : []),
    ...(uid > MOST_IN_OCTAL.id ? [record('uid', String(uid))] : []),
    ...(gid > MOST_IN_OCTAL.id ? [record('gid', String(gid))] : []),
  ]
}

/** The largest numbers of ustar's octal fields. */
const MOST_IN_OCTAL = { size: 0o77777777777, id: 0o7777777 } as const

/** "LENGTH key=value\n", where LENGTH counts itself too. */
export function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function paxHeader(records: readonly Buffer[], seconds: bigint): Buffer {
  const body = Buffer.concat(records)
  const mtime = nearSeconds(seconds)
  const blocks = Buffer.alloc(BLOCK + body.length + padding(body.length))
  writeUstar(blocks, { type: 'ExtendedHeader', path: 'PaxHeader', mode: 0o644, size: body.length, mtime })
  body.copy(blocks, BLOCK)
  return blocks
}

/** Bytes from `size` to the next multiple of a block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

function floorSeconds(time: bigint): bigint {
  return time >= 0n ? time / SECOND : (time - SECOND + 1n) / SECOND
}

function nearSeconds(seconds: bigint): number {
  return Number(seconds > DATE_SECONDS ? DATE_SECONDS : seconds < -DATE_SECONDS ? -DATE_SECONDS : seconds)
}

/** Nanoseconds as seconds with nine decimals at most. */
export function decimal(time: bigint): string {
  const size = time < 0n ? -time : time
  const fraction = String(size % SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${time < 0n ? '-' : ''}${size / SECOND}${fraction === '' ? '' : `.${fraction}`}`
}

// The archive as a sequence of bytes: what is put on the tape goes into the block at hand, and each time that
// is full the tape yields, its owner takes the block and brings an empty one. Content of files is read
// straight into it.

export class Tape {
  #block: Uint8Array
  #at = 0

  constructor(block: Uint8Array) {
    this.#block = block
  }

  /** What is on the block at hand. */
  get written(): Uint8Array {
    return this.#block.subarray(0, this.#at)
  }

  /** Goes on in another block. */
  continue(block: Uint8Array): void {
    this.#block = block
    this.#at = 0
  }

  *put(bytes: Uint8Array): Generator<void, void> {
    for (let from = 0; from < bytes.length;) {
      const room = yield* this.#room()
      const piece = bytes.subarray(from, from + room)
      this.#block.set(piece, this.#at)
      this.#at += piece.length
      from += piece.length
    }
  }

  *zeros(count: number): Generator<void, void> {
    for (let left = count; left > 0;) {
      const length = Math.min(left, yield* this.#room())
      this.#block.fill(0, this.#at, this.#at + length)
      this.#at += length
      left -= length
    }
  }

  /** The next `count` bytes of an open file; returns how many there were. */
  *read(fd: number, count: number): Generator<void, number> {
    for (let left = count; left > 0;) {
      const room = yield* this.#room()
      const length = readSync(fd, this.#block, this.#at, Math.min(left, room), null)
      if (length === 0) return count - left
      this.#at += length
      left -= length
    }
    return count
  }

  *#room(): Generator<void, number> {
    if (this.#at === this.#block.length) yield
    return this.#block.length - this.#at
  }
}
