// The kind of a file, from its first bytes: text, an image that models can look at, or another binary. A NUL among the
// first 8,000 bytes makes a file binary, as in git. Pure.

export interface FileKind {
  readonly binary: boolean
  /** "application/octet-stream" if the bytes tell nothing. */
  readonly mediaType: string
}

/** Bytes from the beginning that are looked at. */
export const SNIFFED_BYTES = 8000

/** Signatures at the start of a file, as latin1 text; a dot stands for any byte. */
const SIGNATURES: readonly (readonly [RegExp, string])[] = [
  [/^\x89PNG\r\n\x1a\n/, 'image/png'], // oxlint-disable-line no-control-regex -- signatures are bytes
  [/^\xff\xd8\xff/, 'image/jpeg'],
  [/^GIF8[79]a/, 'image/gif'],
  [/^RIFF[^]{4}WEBP/, 'image/webp'],
  [/^%PDF-/, 'application/pdf'],
  [/^PK\x03\x04/, 'application/zip'], // oxlint-disable-line no-control-regex
  [/^\x1f\x8b/, 'application/gzip'], // oxlint-disable-line no-control-regex
  [/^\x28\xb5\x2f\xfd/, 'application/zstd'],
  [/^\xfd7zXZ\0/, 'application/x-xz'], // oxlint-disable-line no-control-regex
  [/^BZh[1-9]/, 'application/x-bzip2'],
  [/^\x7fELF/, 'application/x-elf'], // oxlint-disable-line no-control-regex
  [/^\0asm/, 'application/wasm'], // oxlint-disable-line no-control-regex
  [/^SQLite format 3\0/, 'application/vnd.sqlite3'], // oxlint-disable-line no-control-regex
  [/^[^]{4}ftyp/, 'video/mp4'],
  [/^(ID3|\xff\xfb)/, 'audio/mpeg'],
  [/^RIFF[^]{4}WAVE/, 'audio/wav'],
]

/** Kinds that are binary even without a NUL among the first bytes. */
const ALWAYS_BINARY = /^(image|application\/(pdf|zip|gzip|zstd|x-xz|x-elf))/

export function kindOf(start: Uint8Array): FileKind {
  const bytes = Buffer.from(start.buffer, start.byteOffset, Math.min(start.byteLength, SNIFFED_BYTES))
  const text = bytes.toString('latin1', 0, 64)
  const known = SIGNATURES.find(([signature]) => signature.test(text))?.[1]
  if (known !== undefined && ALWAYS_BINARY.test(known)) return { binary: true, mediaType: known }
  if (!bytes.includes(0)) return { binary: false, mediaType: 'text/plain' }
  return { binary: true, mediaType: known ?? 'application/octet-stream' }
}
