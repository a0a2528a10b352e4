// The bytes of files over HTTP (RFC 9110): whole or in part, with entity tags that a later write can be bound to, and
// bodies of any size that replace a file in one step. These are REST alone: over MCP file_read and file_write carry
// content.

import { basename } from 'node:path'
import { Fault, refuse } from '../base/fault.ts'
import { ByteStream, operation } from '../operation.ts'
import { flag, optional, path, pathBytes, text, toldBytes, Type } from '../schema.ts'
import { matchesStrongly, matchesWeakly, readTags } from '../workspace/files/identity.ts'
import { MODE_PATTERN, readMode } from '../workspace/files/file-facts.ts'
import { tagCondition, tagFault } from '../workspace/files/write/write-job.ts'
import { openRaw, type RawFile } from '../workspace/files/read/raw-read.ts'
import { readRange, type ByteRange, checked, readDigests, mayBeShown, mediaTypeOf } from './http-file.ts'
import { contentDisposition } from './content-disposition.ts'

const header = (description: string) => optional(text(description))

interface RawRequest {
  readonly path: string
  readonly range?: string
  readonly if_range?: string
  readonly if_match?: string
  readonly if_none_match?: string
}

export const fileRawRead = operation({
  name: 'file_raw_read',
  title: 'Read the bytes of a file',
  summary: 'Streams a file of any size, whole or a range of it, with its entity tag.',
  scope: 'files:read',
  area: 'Files',
  input: Type.Object({
    path: path('The file. A symbolic link is followed.'),
    path_base64: pathBytes(),
    range: header('One range of bytes such as "bytes=0-99"; of several, the whole file is sent.'),
    if_range: header('An entity tag: the range counts only while the file has it.'),
    if_match: header('Entity tags, or "*": without one of them the answer is 412.'),
    if_none_match: header('Entity tags, or "*": with one of them the answer is 304.'),
  }),
  output: Type.Object({}),
  routes: [
    {
      method: 'GET',
      path: '/files/raw',
      headers: { range: 'range', 'if-range': 'if_range', 'if-match': 'if_match', 'if-none-match': 'if_none_match' },
      answers: '*/*', // by the name of the file
    },
  ],
  statuses: [206, 304, 404, 412, 416],
  example: { path: '/app/package.json' },
  async run(input, { access }) {
    const file = await openRaw(input.path, access)
    try {
      return answer(file, input)
    } catch (error) {
      await file[Symbol.asyncDispose]()
      throw error
    }
  },
})

/** Answers a read; conditions in the order of RFC 9110 13.2.2. */
function answer(file: RawFile, request: RawRequest): ByteStream {
  const { if_match: ifMatch, if_none_match: ifNoneMatch } = request
  if (ifMatch !== undefined && !matchesStrongly(readTags(ifMatch, 'if_match'), file.etag)) {
    throw tagFault(request.path, 'If-Match', file.etag)
  }
  const headers = headersOf(file, request.path)
  if (ifNoneMatch !== undefined && matchesWeakly(readTags(ifNoneMatch, 'if_none_match'), file.etag)) {
    return new ByteStream({ status: 304, headers }, file.chunks(0, 0))
  }
  const { size } = file
  if (size === undefined) return new ByteStream({ headers }, file.chunks(0, 0))
  const part = partOf(request, file.etag, size)
  if (part === undefined) return new ByteStream({ headers, size }, file.chunks(0, size))
  const { from, to } = part
  const range = { 'content-range': `bytes ${from}-${to - 1}/${size}` }
  return new ByteStream({ status: 206, headers: { ...headers, ...range }, size: to - from }, file.chunks(from, to))
}

/**
 * Returns the part that is wanted; undefined: the whole. A date in If-Range never holds: whether it is exact enough
 * cannot be known (RFC 9110 13.1.5).
 */
function partOf({ path: at, range, if_range: ifRange }: RawRequest, etag: string, size: number): ByteRange | undefined {
  if (ifRange !== undefined && ifRange.trim() !== etag) return undefined
  const part = readRange(range, size)
  if (part !== 'unsatisfiable') return part
  throw new Fault('range_not_satisfiable', `the file has ${size} bytes, and none of them are in the range ${range}`, {
    details: { path: at, field: 'range', size },
    headers: { 'content-range': `bytes */${size}` },
  })
}

/**
 * Returns the headers of the answer. Nothing sent here can run in our origin: what a browser would run is saved, and
 * what it shows is in a sandbox.
 */
function headersOf(file: RawFile, at: string): Record<string, string> {
  const type = mediaTypeOf(basename(at))
  return {
    'content-type': type,
    'content-disposition': contentDisposition(mayBeShown(type) ? 'inline' : 'attachment', basename(at)),
    'content-security-policy': "sandbox; default-src 'none'",
    ...(file.size === undefined
      ? { 'accept-ranges': 'none' }
      : { 'accept-ranges': 'bytes', etag: file.etag, 'last-modified': lastModified(file.modified) }),
  }
}

/** Returns a date that is never in the future (RFC 9110 8.8.2.1), and within the range of a Date. */
function lastModified(ms: number): string {
  return new Date(Math.max(0, Math.min(ms, Date.now()))).toUTCString()
}

export const fileRawWrite = operation({
  name: 'file_raw_write',
  title: 'Write the bytes of a file',
  summary: 'Makes the request body, of any size, the content of a file, in one step.',
  scope: 'files:write',
  area: 'Files',
  input: Type.Object({
    path: path('The file. A symbolic link is followed.'),
    path_base64: pathBytes(),
    create_dirs: flag('Makes missing parent directories.', false),
    mode: optional(
      Type.String({
        pattern: MODE_PATTERN,
        description: 'Permissions in octal. Not given: an existing file keeps its own, a new one gets 0644.',
      }),
    ),
    if_match: header('Entity tags, or "*" for any file: where the file has none of them, 412 and nothing changes.'),
    if_none_match: header('"*": only where there is no file; entity tags: only where it has none of them. Else 412.'),
    content_digest: header('RFC 9530, sha-256 and sha-512: where the body adds up to something else, 400.'),
    content_encoding: header('Refused: the body is what the file will hold.'),
    content_range: header('Refused: a body is a whole file.'),
    if_unmodified_since: header('Refused: a date is not exact enough to write by; If-Match is.'),
  }),
  output: Type.Object({
    path: Type.String(),
    path_base64: toldBytes(),
    size: Type.Integer({ description: 'Bytes of the file.' }),
    etag: Type.String({ description: 'Entity tag of the file as written, with its quotes.' }),
    created: Type.Boolean({ description: 'true: there was no such file before.' }),
    atomic: optional(
      Type.Boolean({
        description: 'false: the file has other hard links or cannot be replaced, so it was written in place.',
      }),
    ),
  }),
  routes: [
    {
      method: 'PUT',
      path: '/files/raw',
      status: 201,
      body: 'bytes',
      headers: {
        'if-match': 'if_match',
        'if-none-match': 'if_none_match',
        'content-digest': 'content_digest',
        'content-encoding': 'content_encoding',
        'content-range': 'content_range',
        'if-unmodified-since': 'if_unmodified_since',
      },
    },
  ],
  statuses: [404, 409, 412, 415, 507],
  example: { path: '/app/assets/logo.png', create_dirs: true },
  async run(input, call) {
    refusePartsAndCodings(input)
    const body = call.body ?? nothing()
    const { content_digest: digest } = input
    const { size, etag, created, atomic } = await call.workspace.writer.write(
      {
        path: input.path,
        content: digest === undefined ? body : checked(body, readDigests(digest)),
        encoding: 'utf8',
        createDirs: input.create_dirs,
        append: false,
        mode: readMode(input.mode),
        condition: tagCondition(input.if_match, input.if_none_match),
        access: call.access,
      },
      call.signal,
    )
    return { path: input.path, size, etag, created, ...(atomic ? {} : { atomic }) }
  },
})

/**
 * Throws for parts, codings and dates: taken for a whole file, or passed over, they would leave a file that no client
 * meant (RFC 9110 13.1.4, 14.5).
 */
function refusePartsAndCodings(input: {
  content_encoding?: string
  content_range?: string
  if_unmodified_since?: string
}): void {
  const { content_encoding: coding, content_range: range, if_unmodified_since: date } = input
  if (date !== undefined) {
    throw refuse('If-Unmodified-Since', 'If-Unmodified-Since is sent; accepted are If-Match and If-None-Match', date)
  }
  if (range !== undefined) {
    throw refuse('Content-Range', 'Content-Range is sent; accepted is a whole file', range)
  }
  if (coding === undefined || coding.trim().toLowerCase() === 'identity') return
  throw new Fault(
    'unsupported_media_type',
    `the body is sent with Content-Encoding ${JSON.stringify(coding.slice(0, 200))}; accepted is none`,
    {
      details: { field: 'Content-Encoding', got: coding.slice(0, 200) },
    },
  )
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // An empty body is an empty file.
}
