// Reads a file: whole up to 10 MiB, or a range of lines of one of any size, in memory bounded by what is returned. The
// answer is of one moment: a file that is cut short while it is read is read again, and is a conflict if that goes on;
// bytes appended meanwhile are not in it (F-04).

import { constants } from 'node:fs'
import { basename } from 'node:path'
import { Fault, quote, refuse } from '../../../base/fault.ts'
import type { JsonText } from '../../../base/json-text.ts'
import { extensionOf } from '../../../threads/walk/code-files.ts'
import { type Encoding, asBase64, asText } from '../encoding.ts'
import { hashHere, type Digest } from '../identity.ts'
import type { Access } from '../opening/access.ts'
import { faultOfRead, isPseudo, openRegular, type RegularFile } from '../opening/regular-file.ts'
import {
  fromEnd,
  moreOf,
  totalOf,
  type Continuation,
  cutLines,
  firstLines,
  lineCount,
  numberingBytes,
  numberLines,
  type LineRange,
} from './lines.ts'

export interface ReadRequest {
  readonly path: string
  /** 1-based, inclusive; neither given: the whole file. A negative start counts from the end. */
  readonly startLine?: number | undefined
  readonly endLine?: number | undefined
  readonly numbered: boolean
  readonly encoding: Encoding
  /** Given: at most so many bytes, as whole lines, and the answer says where it goes on. */
  readonly maxBytes?: number | undefined
  /** Given: the answer carries the hash of the whole file's bytes. */
  readonly digest?: Digest | undefined
  /** The access of the call; not given: everything. */
  readonly access?: Access | undefined
}

export interface FileText extends Continuation {
  readonly content: string | JsonText<string>
  /** Bytes of the file when it was read. */
  readonly size: number
  /** Lines returned. */
  readonly lines: number
  readonly extension?: string
  readonly start_line?: number
  readonly end_line?: number
  /** True if bytes that are not UTF-8 were replaced by U+FFFD. */
  readonly lossy?: true
  readonly encoding?: 'base64'
  readonly hash?: string
}

/** Bytes returned at most (protocol.md#files-read). */
export const READ_BYTES = 10 * 1024 * 1024

/** Bytes returned at most of a file of /proc or /sys, whose size is not known before its end (F-03). */
const PSEUDO_BYTES = 1024 * 1024

const CHUNK_BYTES = 256 * 1024
const MOST_ATTEMPTS = 3

interface Selection {
  readonly bytes: Uint8Array
  readonly first: number
  readonly lines: number
  readonly size: number
  readonly more?: Continuation
}

export async function readFile(request: ReadRequest, signal: AbortSignal): Promise<FileText> {
  const { path, startLine, endLine, numbered, encoding } = request
  const ranged = startLine !== undefined || endLine !== undefined
  const range = { first: startLine ?? 1, last: endLine ?? Infinity }
  refuseCombination(request, range)
  const found = await selectSteadily(
    { path, range: ranged ? range : undefined, most: request.maxBytes, access: request.access },
    signal,
  )
  const { first, more } = found
  const added = numbered ? numberingBytes(first, found.lines) : 0
  if (found.bytes.byteLength + added > READ_BYTES) {
    throw tooLarge(path, found.size, READ_BYTES, 'with its line numbers is')
  }
  const bytes = numbered ? await numberLines(found.bytes, first, found.lines) : found.bytes
  const extension = extensionOf(basename(path))
  const hash = request.digest && (await hashOf(found, ranged, request.path, request.digest, signal))
  return {
    ...(encoding === 'base64' ? { content: await asBase64(bytes), encoding } : await textFields(bytes)),
    size: found.size,
    lines: found.lines,
    ...(extension === '' ? {} : { extension }),
    ...(ranged ? { start_line: first, end_line: first + found.lines - 1 } : {}),
    ...more,
    ...(hash === undefined ? {} : { hash }),
  }
}

async function textFields(bytes: Uint8Array): Promise<Pick<FileText, 'content' | 'lossy'>> {
  const { content, lossy } = await asText(bytes)
  return lossy ? { content, lossy } : { content }
}

function refuseCombination({ numbered, encoding }: ReadRequest, { first, last }: LineRange): void {
  if (first === 0) {
    throw refuse('start_line', 'start_line is 0; accepted is a line from 1 on, or a negative one from the end', 0)
  }
  if (first > last) {
    throw refuse(
      'end_line',
      `end_line is ${last}, which is before start_line ${first}; accepted is start_line or later`,
      last,
    )
  }
  if (numbered && encoding === 'base64') {
    throw refuse(
      'with_line_numbers',
      'with_line_numbers is true and encoding is "base64"; line numbers are accepted with text only',
    )
  }
}

interface Wanted {
  readonly path: string
  /** Undefined: the whole file. */
  readonly range: LineRange | undefined
  /** Bytes at most; undefined: a longer file is refused. */
  readonly most: number | undefined
  readonly access: Access | undefined
}

async function selectSteadily(wanted: Wanted, signal: AbortSignal): Promise<Selection> {
  const { path } = wanted
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const file = await openRegular(path, constants.O_RDONLY, wanted.access)
    try {
      const range = await fromEnd(file, wanted.range, signal)
      const found = await select(file, { ...wanted, range }, signal)
      if (found !== undefined) return found
    } catch (error) {
      throw faultOfRead(error, path)
    } finally {
      await file.handle.close()
    }
  }
  throw new Fault(
    'conflict',
    `path ${quote(path)} was cut short while it was read, ${MOST_ATTEMPTS} times in a row; try again`,
    {
      details: { path },
    },
  )
}

/** Reads the range, or everything; resolves with undefined if the file ended before its size said so. */
async function select(file: RegularFile, wanted: Wanted, signal: AbortSignal): Promise<Selection | undefined> {
  const { handle, stats } = file
  const { path, range, most } = wanted
  const pseudo = isPseudo(stats)
  const limit = most ?? (range === undefined && pseudo && stats.size === 0 ? PSEUDO_BYTES : READ_BYTES)
  if (range === undefined && most === undefined && stats.size > limit) throw tooLarge(path, stats.size, limit, 'is')
  const { first, last } = range ?? { first: 1, last: Infinity }
  const end = stats.size === 0 ? Infinity : stats.size
  const parts: Uint8Array[] = []
  const at = { line: 1, read: 0, taken: 0 }
  let chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end))
  while (at.read < end && at.line <= last && at.taken <= limit) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.byteLength, end - at.read), null)
    if (bytesRead === 0) {
      if (!pseudo) return undefined
      break
    }
    at.read += bytesRead
    const { from, to } = cutLines(chunk.subarray(0, bytesRead), at, { first, last })
    if (from === to) continue
    at.taken += to - from
    if (at.taken > limit && most === undefined) throw tooLarge(path, Math.max(stats.size, at.read), limit, 'is')
    parts.push(chunk.subarray(from, to))
    chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at.read))
  }
  const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  const size = pseudo && range === undefined ? at.read : stats.size
  if (at.taken > limit) return await cutToFit(file, { bytes, first, size, limit }, signal)
  const lines = lineCount(bytes, Math.max(0, at.line - first))
  if (most === undefined) return { bytes, first, lines, size }
  const total = range === undefined ? lines : await totalOf(file, signal)
  return { bytes, first, lines, size, more: moreOf(first + lines, total, at.line <= last) }
}

interface Overlong {
  readonly bytes: Uint8Array
  readonly first: number
  readonly size: number
  /** Bytes that are returned at most. */
  readonly limit: number
}

/** Keeps the whole lines that fit, or the beginning of a longer first one. */
async function cutToFit(
  file: RegularFile,
  { bytes, first, size, limit }: Overlong,
  signal: AbortSignal,
): Promise<Selection> {
  const fitting = firstLines(bytes, limit)
  const more = moreOf(first + fitting.lines, await totalOf(file, signal), false)
  return { ...fitting, first, size, more: { ...more, ...(fitting.cut ? { line_cut: true } : {}) } }
}

function tooLarge(path: string, size: number, limit: number, verb: string): Fault {
  return new Fault(
    'payload_too_large',
    `path ${quote(path)} ${verb} ${size} bytes; at most ${limit} bytes are returned: use start_line and end_line`,
    { details: { field: 'path', size, limit } },
  )
}

/** Hashes the bytes that are returned, if they are the whole file, else the file. */
async function hashOf(
  found: Selection,
  ranged: boolean,
  path: string,
  digest: Digest,
  signal: AbortSignal,
): Promise<string> {
  if (ranged) return await digest(path, signal)
  const { bytes } = found
  const here = hashHere(bytes)
  if (here !== undefined) return here
  const owned = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength) // it is never shared memory
  return Buffer.from(await crypto.subtle.digest('SHA-256', owned)).toString('hex')
}
