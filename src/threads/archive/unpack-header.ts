// One header of a tar archive, 512 bytes, as it stands there: v7, ustar, star and GNU. Names are kept as byte
// strings (one character a byte, "latin1"), since a name need not be UTF-8 (F-16); a number that is
// not plainly one is refused. node-tar's reader does neither: it decodes names, ends them at a NUL and takes
// what it can of a number. Refusals are sentences without a subject; whoever reads the archive adds it.

import { Fault, type FaultCode, type FaultDetails } from '../../base/fault.ts'

export const BLOCK_BYTES = 512

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
  /** Permission bits and whatever else stood with them. */
  readonly mode: number
  readonly mtime: Moment
}

/** A fault of the member being read: its sentence has no subject yet. */
export class Refusal extends Fault {}

export function refusal(sentence: string, code: FaultCode = 'bad_request', details: FaultDetails = {}): Refusal {
  return new Refusal(code, sentence, { details })
}

export const NO_ARCHIVE = 'what was sent is no tar archive, neither plain nor compressed with gzip or zstd'

/** A fault of the archive as a whole. */
export function unusable(sentence: string): Fault {
  return new Fault('bad_request', sentence, { details: { field: 'body' } })
}

/** True where all of it is zeros. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** True where the sum in the header is that of its bytes: a tar header and not anything else. */
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
  if (!hasSum(block)) throw refusal('has a header whose checksum is wrong')
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

/** J. Schilling's star marks its headers at the end and has a shorter prefix. */
function isStar(block: Buffer): boolean {
  return block.toString('latin1', 508, 512) === 'tar\0'
}

function text(block: Buffer, at: number, length: number): string {
  const field = block.toString('latin1', at, at + length)
  const end = field.indexOf('\0')
  return end === -1 ? field : field.slice(0, end)
}

/** Octal digits, or a binary number where the first bit is set (GNU's form for what octal has no room for). */
function number(field: Buffer, what: string, least: number): number {
  const first = field[0] ?? 0
  if ((first & 0x80) !== 0) return binary(field, what, least)
  const digits = /^ *([0-7]*)[ \0]*$/.exec(field.toString('latin1').replace(/\0[^]*/, ''))?.[1]
  if (digits === undefined) throw refusal(`has a ${what} in its header that is not an octal number`)
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

function binary(field: Buffer, what: string, least: number): number {
  const bits = BigInt(field.byteLength * 8)
  const raw = BigInt(`0x${field.toString('hex')}`)
  const negative = field[0] === 0xff
  if (!negative && field[0] !== 0x80) throw refusal(`has a ${what} in its header that is out of range`)
  const value = Number(negative ? raw - (1n << bits) : raw - (1n << (bits - 1n)))
  if (value < least) throw refusal(`has a negative ${what} (${value})`)
  if (!Number.isSafeInteger(value)) throw refusal(`has a ${what} in its header that is out of range`)
  return value
}
