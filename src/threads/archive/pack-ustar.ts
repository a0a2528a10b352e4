// Writes one ustar header block (POSIX.1-2001), and tells whether it says everything: names of up to 100 bytes, or up
// to 155 more before a slash, numbers in octal, and those beyond in base 256 as GNU tar has it. Byte for byte what
// node-tar makes, so that archives of one tree stay the same (test/threads/archive/pack-ustar.test.ts). Pure.

import { posix } from 'node:path'
import { BLOCK_BYTES } from './tar-block.ts'

/** The type flags of POSIX: a PAX header is a member itself. */
const TYPE_FLAGS = { File: '0', Link: '1', SymbolicLink: '2', Directory: '5', ExtendedHeader: 'x' } as const

export interface UstarFields {
  readonly type: keyof typeof TYPE_FLAGS
  readonly path: string
  readonly mode: number
  readonly size: number
  /** Whole seconds since 1970. */
  readonly mtime: number
  /** User id; if absent, the field stays empty. */
  readonly uid?: number
  readonly gid?: number
  readonly linkPath?: string
}

/** Offset and length of each field. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  sum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>

type Field = keyof typeof FIELDS

/** Writes the block to the beginning of `block`, which is all zeros. Returns false if it does not say everything. */
export function writeUstar(block: Buffer, fields: UstarFields): boolean {
  const { name, prefix, whole } = splitName(fields.path)
  const said = [
    whole,
    putText(block, 'name', name),
    putText(block, 'prefix', prefix),
    putText(block, 'linkName', fields.linkPath ?? ''),
    putNumber(block, 'mode', fields.mode),
    fields.uid === undefined || putNumber(block, 'uid', fields.uid),
    fields.gid === undefined || putNumber(block, 'gid', fields.gid),
    putNumber(block, 'size', fields.size),
    putNumber(block, 'mtime', fields.mtime),
    putNumber(block, 'major', 0),
    putNumber(block, 'minor', 0),
  ]
  putText(block, 'type', TYPE_FLAGS[fields.type])
  putText(block, 'magic', 'ustar\u000000')
  putNumber(block, 'sum', sumOf(block))
  return said.every(Boolean)
}

/** Returns the checksum, the field itself taken for blanks. */
function sumOf(block: Buffer): number {
  let sum = 8 * 0x20
  for (let at = 0; at < BLOCK_BYTES; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0
  return sum
}

/** Returns true if the text fits and every reader takes it: ASCII has one meaning. */
function putText(block: Buffer, field: Field, text: string): boolean {
  const [offset, length] = FIELDS[field]
  block.write(text, offset, length, 'utf8')
  return text.length === Buffer.byteLength(text) && text.length <= length
}

/** Returns true if the number fits in octal. */
function putNumber(block: Buffer, field: Field, value: number): boolean {
  const [offset, length] = FIELDS[field]
  const digits = value.toString(8)
  if (value < 0 || digits.length > length - 1) {
    writeBase256(block.subarray(offset, offset + length), value)
    return false
  }
  const text = digits.length === length - 1 ? digits : `${digits.padStart(length - 2, '0')} `
  block.write(`${text}\0`, offset, length, 'ascii')
  return true
}

/** Writes two's complement behind a byte that says so. */
function writeBase256(field: Buffer, value: number): void {
  let rest = BigInt(value)
  for (let at = field.length - 1; at > 0; at--) {
    field[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  field[0] = value < 0 ? 0xff : 0x80
}

interface Split {
  readonly name: string
  readonly prefix: string
  /** False: the name is only the beginning. */
  readonly whole: boolean
}

const NAME_BYTES = FIELDS.name[1]
const PREFIX_BYTES = FIELDS.prefix[1]

/** Returns as much of the end as the name takes, and the rest before a slash as the prefix. */
function splitName(path: string): Split {
  if (Buffer.byteLength(path) < NAME_BYTES) return { name: path, prefix: '', whole: true }
  const root = path.startsWith('/') ? '/' : '.'
  let prefix = posix.dirname(path)
  let name = posix.basename(path)
  do {
    if (Buffer.byteLength(prefix) <= PREFIX_BYTES) {
      if (Buffer.byteLength(name) <= NAME_BYTES) return { name, prefix, whole: true }
      return { name: name.slice(0, NAME_BYTES - 1), prefix, whole: false }
    }
    name = posix.join(posix.basename(prefix), name)
    prefix = posix.dirname(prefix)
  } while (prefix !== root)
  return { name: path.slice(0, NAME_BYTES - 1), prefix: '', whole: false }
}
