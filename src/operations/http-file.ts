// HTTP's headers about a file's bytes: the Content-Digest of a request (RFC 9530), which its body must add up to; the
// Range of a request (RFC 9110 14.1 and 14.2); the media type of a file by its name, and whether a browser may show it
// in our origin.

import { createHash } from 'node:crypto'
import { extname } from 'node:path'
import { Fault, quote, refuse } from '../base/fault.ts'

/**
 * Known algorithms by their name in the header, with the length of a digest in bytes. Others are passed over, as RFC
 * 9530 has it.
 */
const ALGORITHMS: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  'sha-256': { name: 'sha256', bytes: 32 },
  'sha-512': { name: 'sha512', bytes: 64 },
}

/** One member of the dictionary: key, byte sequence, parameters (RFC 8941 3.2 and 3.3.5). */
const MEMBER = /^[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):[ \t]*(?:;[^,]*)?(?:,|$)/

/** Digests in base64 by algorithm, of those that can be checked. */
type Digests = ReadonlyMap<string, string>

export function readDigests(header: string): Digests {
  const digests = new Map<string, string>()
  let rest = header
  while (rest.trim() !== '') {
    const [whole = '', algorithm = '', text = ''] = MEMBER.exec(rest) ?? []
    const bytes = Buffer.from(text, 'base64')
    const known = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined
    if (whole === '' || (known !== undefined && bytes.byteLength !== known.bytes)) throw malformed(header)
    if (known !== undefined) digests.set(algorithm, bytes.toString('base64'))
    rest = rest.slice(whole.length)
  }
  return digests
}

/** Hands on the chunks as they come; at their end throws `bad_request` if they do not add up to `digests`. */
export async function* checked(chunks: AsyncIterable<Uint8Array>, digests: Digests): AsyncGenerator<Uint8Array> {
  const hashes = [...digests].map(([algorithm, expected]) => {
    return { algorithm, expected, hash: createHash(ALGORITHMS[algorithm]?.name ?? algorithm) }
  })
  for await (const chunk of chunks) {
    for (const { hash } of hashes) hash.update(chunk)
    yield chunk
  }
  for (const { algorithm, expected, hash } of hashes) {
    const actual = hash.digest('base64')
    if (actual !== expected) throw mismatch(algorithm, expected, actual)
  }
}

function mismatch(algorithm: string, expected: string, actual: string): Fault {
  return new Fault(
    'bad_request',
    `the body has the ${algorithm} digest ${actual}, Content-Digest says ${expected}: it changed on its way; nothing was written`,
    { details: { field: 'Content-Digest', algorithm, expected, actual } },
  )
}

function malformed(header: string): Fault {
  return refuse(
    'Content-Digest',
    `Content-Digest is ${quote(header)}; accepted is sha-256=:<base64>: or sha-512=:<base64>:`,
    header,
  )
}

/** Bytes `from` ≤ i < `to`. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/**
 * A list may have empty members (RFC 9110 5.6.1). Numbers beyond 2^53 are rounded, and larger than any file all the
 * same.
 */
const RANGE = /^\s*bytes\s*=[\s,]*(\d{0,100})\s*-\s*(\d{0,100})[\s,]*$/i

/**
 * Returns the one part that the header means; undefined: the whole file, since it asks for nothing else in a form that
 * counts. Several parts at once are answered as RFC 9110 allows, with the whole.
 */
export function readRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = RANGE.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  if (first === '') {
    if (Number(last) === 0) return 'unsatisfiable'
    // The end of an empty file is the file, and no Content-Range can say so.
    return size === 0 ? undefined : fromEnd(Number(last), size)
  }
  if (last !== '' && Number(last) < Number(first)) return undefined
  if (Number(first) >= size) return 'unsatisfiable'
  return { from: Number(first), to: last === '' ? size : Math.min(Number(last) + 1, size) }
}

function fromEnd(length: number, size: number): ByteRange {
  return { from: Math.max(0, size - length), to: size }
}

const UTF8 = '; charset=utf-8'
const UNKNOWN = 'application/octet-stream'

/** Extensions by type; text is sent as UTF-8. */
const TYPES: readonly (readonly [string, string])[] = [
  [
    'text/plain',
    'txt log text conf cfg ini env go rs py rb java c h cc cpp hpp cs kt swift sh bash zsh sql diff patch',
  ],
  ['text/markdown', 'md markdown'],
  ['text/csv', 'csv'],
  ['text/tab-separated-values', 'tsv'],
  ['text/css', 'css'],
  ['text/html', 'html htm'],
  ['text/javascript', 'js mjs cjs'],
  ['text/x-typescript', 'ts mts cts tsx jsx'],
  ['text/xml', 'xml xsl xslt'],
  ['application/xhtml+xml', 'xhtml'],
  ['application/json', 'json map'],
  ['application/x-ndjson', 'ndjson jsonl'],
  ['application/yaml', 'yaml yml'],
  ['application/toml', 'toml'],
  ['image/svg+xml', 'svg'],
  ['image/png', 'png'],
  ['image/jpeg', 'jpg jpeg'],
  ['image/gif', 'gif'],
  ['image/webp', 'webp'],
  ['image/avif', 'avif'],
  ['image/bmp', 'bmp'],
  ['image/x-icon', 'ico'],
  ['audio/mpeg', 'mp3'],
  ['audio/wav', 'wav'],
  ['audio/ogg', 'ogg oga'],
  ['audio/flac', 'flac'],
  ['video/mp4', 'mp4 m4v'],
  ['video/webm', 'webm'],
  ['font/woff', 'woff'],
  ['font/woff2', 'woff2'],
  ['font/ttf', 'ttf'],
  ['application/pdf', 'pdf'],
  ['application/wasm', 'wasm'],
  ['application/zip', 'zip'],
  ['application/gzip', 'gz tgz'],
  ['application/zstd', 'zst'],
  ['application/x-tar', 'tar'],
]

const BY_EXTENSION = new Map(TYPES.flatMap(([type, names]) => names.split(' ').map((name) => [name, type] as const)))

/** Types that a browser shows without running anything; all others are for saving. */
const SHOWN = /^(?:image\/(?!svg)|audio\/|video\/|text\/plain|text\/markdown|text\/csv|application\/json)/

/**
 * Returns the value of the Content-Type header. A type that can run (pages, SVG, scripts, PDF) is told rightly, since
 * programs ask for it, and sent as an attachment.
 */
export function mediaTypeOf(name: string): string {
  const type = BY_EXTENSION.get(extname(name).slice(1).toLowerCase()) ?? UNKNOWN
  return type.startsWith('text/') ? type + UTF8 : type
}

export function mayBeShown(mediaType: string): boolean {
  return SHOWN.test(mediaType)
}
