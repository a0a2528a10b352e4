// Values that tell one state of a file from another: entity tags (RFC 9110 8.8.3), made of device, inode, size and
// times, and the SHA-256 of its content. The times are as fine as the kernel keeps them: two changes by others within
// one tick of its clock (4 ms before Linux 6.13) that leave file and size the same cannot be told apart.

import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { quote, refuse, type Fault } from '../../base/fault.ts'

/** Returns the strong entity tag, with its quotes, as it stands in headers. */
export function tagOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `"${[dev, ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36)).join('-')}"`
}

interface Tag {
  readonly tag: string
  readonly weak: boolean
}

/** `*`, or the tags of a list. */
type TagList = '*' | readonly Tag[]

const ONE = /^\s*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)/ // oxlint-disable-line no-control-regex -- RFC 9110 etagc

/** Reads the value of If-Match or If-None-Match. Throws `bad_request` that names `field`. */
export function readTags(value: string, field: string): TagList {
  if (value.trim() === '*') return '*'
  const tags: Tag[] = []
  let rest = value
  while (rest.trim() !== '') {
    const [whole = '', weak, tag = ''] = ONE.exec(rest) ?? []
    if (whole === '') throw notTags(value, field)
    tags.push({ tag, weak: weak !== undefined })
    rest = rest.slice(whole.length)
  }
  if (tags.length === 0) throw notTags(value, field)
  return tags
}

/** Returns whether If-Match holds: weak tags never match (RFC 9110 13.1.1). `tag` undefined: there is no file. */
export function matchesStrongly(list: TagList, tag: string | undefined): boolean {
  if (tag === undefined) return false
  return list === '*' || list.some((one) => !one.weak && one.tag === tag)
}

/** Returns whether a tag of If-None-Match matches: a weak tag is as good as a strong one (RFC 9110 13.1.2). */
export function matchesWeakly(list: TagList, tag: string | undefined): boolean {
  if (tag === undefined) return false
  return list === '*' || list.some((one) => one.tag === tag)
}

function notTags(value: string, field: string): Fault {
  return refuse(field, `${field} is ${quote(value)}; accepted are * and entity tags such as "abc"`, value)
}

/** Hashes a file off the main thread; resolves with its SHA-256 in hexadecimal. */
export type Digest = (path: string, signal: AbortSignal) => Promise<string>

/** Bytes that are hashed on the main thread at most: about 0.2 ms without hardware support. */
const HASH_HERE_BYTES = 64 * 1024

/** Returns the SHA-256 of content in memory, in hexadecimal; undefined: too long for the main thread. */
export function hashHere(bytes: Uint8Array): string | undefined {
  return bytes.byteLength > HASH_HERE_BYTES ? undefined : createHash('sha256').update(bytes).digest('hex')
}
