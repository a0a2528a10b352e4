// The header blocks of one archive member: `headerOf(member)`. They are ustar, with a PAX header before it if ustar
// cannot say everything (POSIX.1-2001): long names, names that are not ASCII, sizes above 8 GiB, times with fractions.
// Names are bytes, and so are PAX records (F-16).

import type { Location } from '../walk/directory.ts'
import { writeUstar } from './pack-ustar.ts'
import { BLOCK_BYTES, paddingOf } from './tar-block.ts'

export type PackType = 'File' | 'Directory' | 'SymbolicLink' | 'Link'

/** A name as text, and as bytes if those are not UTF-8. */
export type Name = Location

interface PackMember {
  readonly type: PackType
  readonly name: Name
  /** Permission bits and setuid, setgid, sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970. */
  readonly mtime: bigint
  /** Bytes of content; 0 for everything but files. */
  readonly size: number
  /** The target of a link; of a hard link the name of an earlier member. */
  readonly link?: Name
}

const SECOND = 1_000_000_000n
/** Seconds to either side of 1970 that readers with dates of ECMA-262 (21.4.1.1) take: the PAX record has the rest. */
const DATE_SECONDS = 8_640_000_000_000n

export function headerOf(member: PackMember): Buffer {
  const { type, mode, uid, gid, size } = member
  const seconds = floorSeconds(member.mtime)
  const block = Buffer.alloc(BLOCK_BYTES)
  const link = member.link === undefined ? {} : { linkPath: member.link.path }
  const fields = { type, mode, uid, gid, size, path: shownName(member), mtime: nearSeconds(seconds), ...link }
  const complete = writeUstar(block, fields)
  const insufficient = !complete || member.name.raw !== undefined || member.link?.raw !== undefined
  const records = insufficient ? fullRecords(member) : []
  if (insufficient || member.mtime !== seconds * SECOND) records.push(record('mtime', decimal(member.mtime)))
  return records.length === 0 ? block : Buffer.concat([paxHeader(records, seconds), block])
}

/** Returns the name with a slash at the end of a directory's, as every tar writes it. */
function shownName({ name, type }: PackMember): string {
  return type === 'Directory' ? `${name.path}/` : name.path
}

function fullRecords({ type, name, link, size, uid, gid }: PackMember): Buffer[] {
  const slash = type === 'Directory' ? '/' : ''
  const binary = name.raw !== undefined || link?.raw !== undefined
  return [
    // Readers take names unchanged, in any character set (POSIX pax, "hdrcharset").
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

/** Returns "LENGTH key=value\n", where LENGTH counts itself too. */
export function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function paxHeader(records: readonly Buffer[], seconds: bigint): Buffer {
  const body = Buffer.concat(records)
  const mtime = nearSeconds(seconds)
  const blocks = Buffer.alloc(BLOCK_BYTES + body.length + paddingOf(body.length))
  writeUstar(blocks, { type: 'ExtendedHeader', path: 'PaxHeader', mode: 0o644, size: body.length, mtime })
  body.copy(blocks, BLOCK_BYTES)
  return blocks
}

function floorSeconds(time: bigint): bigint {
  return time >= 0n ? time / SECOND : (time - SECOND + 1n) / SECOND
}

function nearSeconds(seconds: bigint): number {
  return Number(seconds > DATE_SECONDS ? DATE_SECONDS : seconds < -DATE_SECONDS ? -DATE_SECONDS : seconds)
}

/** Returns nanoseconds as seconds with nine decimals at most. */
export function decimal(time: bigint): string {
  const size = time < 0n ? -time : time
  const fraction = String(size % SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${time < 0n ? '-' : ''}${size / SECOND}${fraction === '' ? '' : `.${fraction}`}`
}
