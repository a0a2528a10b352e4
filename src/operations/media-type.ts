// The media type of a file by its name, and whether a browser may show it in our origin. A type that can run
// (pages, SVG, scripts, PDF) is told rightly, since programs ask for it, but always as an attachment. Pure.

import { extname } from 'node:path'

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

/** For the Content-Type header. */
export function mediaTypeOf(name: string): string {
  const type = BY_EXTENSION.get(extname(name).slice(1).toLowerCase()) ?? UNKNOWN
  return type.startsWith('text/') ? type + UTF8 : type
}

export function mayBeShown(mediaType: string): boolean {
  return SHOWN.test(mediaType)
}
