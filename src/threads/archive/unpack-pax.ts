// The records of a PAX header (POSIX pax, "length key=value\n"), read as bytes and strictly: a record whose
// length does not fit is refused, since two programs that disagree about it disagree about every name after
// it. Only what says where and what a member is counts; owners, attributes and comments are passed over.

import { refusal, type Moment } from './unpack-header.ts'

/** What a PAX header says about the member after it; an empty `path` or `linkPath` takes an earlier one back. */
export interface PaxFields {
  path?: string
  linkPath?: string
  size?: number
  mtime?: Moment
}

/** Fields that would stand for every member: nobody writes them, except to mislead. */
const NOT_GLOBAL = ['path', 'linkPath', 'size'] as const

export function readPax(bytes: Buffer, global: boolean): PaxFields {
  const fields: PaxFields = {}
  for (const [key, value] of records(bytes)) take(fields, key, value)
  const stray = global ? NOT_GLOBAL.find((field) => fields[field] !== undefined) : undefined
  if (stray !== undefined) throw refusal(`has a global header that names a ${stray.toLowerCase()} for every member`)
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
      throw refusal('has a PAX header that cannot be read')
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
    throw refusal(
      'is a sparse file in a form of GNU tar; make the archive without --sparse, on macOS with --no-read-sparse',
    )
}

function withoutNul(value: string, what: string): string {
  if (value.includes('\0')) throw refusal(`has a NUL in its ${what}`)
  return value
}

function readSize(value: string): number {
  const size = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(size)) throw refusal(`has the size ${JSON.stringify(value.slice(0, 40))} in its PAX header`)
  return size
}

function readTime(value: string): Moment {
  const [, sign, whole, fraction = ''] = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value) ?? []
  if (whole === undefined) throw refusal(`has the time ${JSON.stringify(value.slice(0, 40))} in its PAX header`)
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'))
  if (sign === '') return { seconds: Number(whole), nanoseconds }
  return nanoseconds === 0
    ? { seconds: -Number(whole), nanoseconds }
    : { seconds: -Number(whole) - 1, nanoseconds: 1_000_000_000 - nanoseconds }
}
