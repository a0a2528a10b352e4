// Reads one header of a tar archive, 512 bytes, as it stands there (v7, ustar, star and GNU), and the records of a PAX
// header. Names are kept as byte strings (one character a byte, "latin1"), since a name need not be UTF-8 (F-16); a
// number that is not plainly one is refused. node-tar's reader does neither: it decodes names, ends them at a NUL and
// takes what it can of a number. A MemberFault has a sentence without a subject; unpack-archive.ts, which knows the
// member, adds it.

import { Fault, type FaultCode, type FaultDetails } from '../../base/fault.ts'
import { BLOCK_BYTES } from './tar-block.ts'

/** Seconds and nanoseconds since 1970; seconds may be negative. */
export interface Moment {
  readonly seconds: number
  readonly nanoseconds: number
}

export interface Header {
  /** The type flag: one character, "0" for the old NUL. */
  readonly type: string
  readonly name: string
  readonly linkName: string
  readonly size: number
  /** Permission bits and other bits that stood with them. */
  readonly mode: number
  readonly mtime: Moment
}

/** A fault of the member that is being read: its sentence has no subject yet. */
export class MemberFault extends Fault {}

export function memberFault(
  sentence: string,
  code: FaultCode = 'bad_request',
  details: FaultDetails = {},
): MemberFault {
  return new MemberFault(code, sentence, { details })
}

export const NO_ARCHIVE = 'what was sent is no tar archive, neither plain nor compressed with gzip or zstd'

/** Returns a fault of the archive as a whole. */
export function unusable(sentence: string): Fault {
  return new Fault('bad_request', sentence, { details: { field: 'body' } })
}

/** Returns true if the sum in the header is that of its bytes: a tar header and nothing else. */
export function hasSum(block: Buffer): boolean {
  const field = block.toString('latin1', 148, 156)
  const stored = /^[ \0]*([0-7]{1,8})[ \0]*$/.exec(field)?.[1]
  if (stored === undefined) return false
  let unsigned = 8 * 0x20 // the field itself counts as blanks
  let high = 0
  for (let i = 0; i < BLOCK_BYTES; i++) {
    if (i >= 148 && i < 156) continue
    const byte = block[i] ?? 0
    unsigned += byte
    if (byte > 0x7f) high++
  }
  const sum = Number.parseInt(stored, 8)
  return sum === unsigned || sum === unsigned - 256 * high // some old programs added signed bytes
}

export function readHeader(block: Buffer): Header {
  if (!hasSum(block)) throw memberFault('has a header whose checksum is wrong')
  const type = block.toString('latin1', 156, 157)
  const magic = block.toString('latin1', 257, 263)
  // GNU ("ustar  ") keeps times and the map of sparse files where POSIX has a prefix.
  const prefix = magic === 'ustar\0' ? text(block, 345, isStar(block) ? 131 : 155) : ''
  const name = text(block, 0, 100)
  return {
    type: type === '\0' ? '0' : type,
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    size: number(block.subarray(124, 136), 'size', 0),
    mode: number(block.subarray(100, 108), 'mode', 0),
    mtime: { seconds: number(block.subarray(136, 148), 'time of change', -Number.MAX_SAFE_INTEGER), nanoseconds: 0 },
  }
}

/** Returns true for J. Schilling's star, which marks its headers at the end and has a shorter prefix. */
function isStar(block: Buffer): boolean {
  return block.toString('latin1', 508, 512) === 'tar\0'
}

function text(block: Buffer, at: number, length: number): string {
  const field = block.toString('latin1', at, at + length)
  const end = field.indexOf('\0')
  return end === -1 ? field : field.slice(0, end)
}

/** Reads octal digits, or a binary number if the first bit is set (GNU's form for what octal has no room for). */
function number(field: Buffer, what: string, least: number): number {
  const first = field[0] ?? 0
  if ((first & 0x80) !== 0) return binary(field, what, least)
  const digits = /^ *([0-7]*)[ \0]*$/.exec(field.toString('latin1').replace(/\0[^]*/, ''))?.[1]
  if (digits === undefined) throw memberFault(`has a ${what} in its header that is not an octal number`)
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

function binary(field: Buffer, what: string, least: number): number {
  const bits = BigInt(field.byteLength * 8)
  const raw = BigInt(`0x${field.toString('hex')}`)
  const negative = field[0] === 0xff
  if (!negative && field[0] !== 0x80) throw memberFault(`has a ${what} in its header that is out of range`)
  const value = Number(negative ? raw - (1n << bits) : raw - (1n << (bits - 1n)))
  if (value < least) throw memberFault(`has a negative ${what} (${value})`)
  if (!Number.isSafeInteger(value)) throw memberFault(`has a ${what} in its header that is out of range`)
  return value
}

/** The fields of a PAX header about the member after it; an empty `path` or `linkPath` takes an earlier one back. */
export interface PaxFields {
  path?: string
  linkPath?: string
  size?: number
  mtime?: Moment
}

/** Fields that a global header would set for every member: such an archive misleads. */
const NOT_GLOBAL = ['path', 'linkPath', 'size'] as const

export function readPax(bytes: Buffer, global: boolean): PaxFields {
  const fields: PaxFields = {}
  for (const [key, value] of records(bytes)) take(fields, key, value)
  const stray = global ? NOT_GLOBAL.find((field) => fields[field] !== undefined) : undefined
  if (stray !== undefined) throw memberFault(`has a global header that names a ${stray.toLowerCase()} for every member`)
  return fields
}

function* records(bytes: Buffer): Generator<readonly [key: string, value: string]> {
  const text = bytes.toString('latin1')
  let at = 0
  while (at < text.length) {
    const [head = '', digits = ''] = /^([1-9][0-9]{0,7}) /.exec(text.slice(at, at + 9)) ?? []
    const end = at + Number(digits)
    const equals = text.indexOf('=', at)
    if (head === '' || end > text.length || text[end - 1] !== '\n' || equals <= at + head.length || equals >= end) {
      throw memberFault('has a PAX header that cannot be read')
    }
    yield [text.slice(at + head.length, equals), text.slice(equals + 1, end - 1)]
    at = end
  }
}

function take(fields: PaxFields, key: string, value: string): void {
  if (key === 'path') fields.path = withoutNul(value, 'name')
  else if (key === 'linkpath') fields.linkPath = withoutNul(value, 'link target')
  else if (key === 'size') fields.size = readSize(value)
  else if (key === 'mtime') fields.mtime = readTime(value)
  else if (key.startsWith('GNU.sparse.'))
    throw memberFault(
      'is a sparse file in a form of GNU tar; make the archive without --sparse, on macOS with --no-read-sparse',
    )
}

function withoutNul(value: string, what: string): string {
  if (value.includes('\0')) throw memberFault(`has a NUL in its ${what}`)
  return value
}

function readSize(value: string): number {
  const size = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(size))
    throw memberFault(`has the size ${JSON.stringify(value.slice(0, 40))} in its PAX header`)
  return size
}

function readTime(value: string): Moment {
  const [, sign, whole, fraction = ''] = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value) ?? []
  if (whole === undefined) throw memberFault(`has the time ${JSON.stringify(value.slice(0, 40))} in its PAX header`)
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'))
  if (sign === '') return { seconds: Number(whole), nanoseconds }
  return nanoseconds === 0
    ? { seconds: -Number(whole), nanoseconds }
    : { seconds: -Number(whole) - 1, nanoseconds: 1_000_000_000 - nanoseconds }
}
