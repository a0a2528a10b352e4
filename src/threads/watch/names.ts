// Names inside the watching thread. A file's name is bytes; here it is a string all the same: the text where
// the bytes are UTF-8, otherwise NUL and one character for each byte, which no name can be by itself. Paths
// are such names joined by slashes, so every path is one string that leads back to its exact bytes.

import type { Item, Location } from '../walk/directory.ts'

/** Stands before the bytes of a name that is not UTF-8. */
const MARK = '\0'

/** The name of a directory's entry. */
export function nameOfItem({ name, raw }: Item): string {
  return raw === undefined ? name : MARK + raw.toString('latin1')
}

/** The name in `bytes`; `start` and `end` bound it. */
export function nameOfBytes(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end)
  if (!text.includes('\uFFFD')) return text
  const raw = bytes.subarray(start, end)
  return Buffer.from(text).equals(raw) ? text : MARK + raw.toString('latin1')
}

/** The path as system calls take it. */
export function locate(path: string): Location {
  if (!path.includes(MARK)) return { path, raw: undefined }
  const segments = path.split('/').map(bytesOfName)
  const raw = Buffer.concat(segments.flatMap((segment, index) => (index === 0 ? [segment] : [SLASH, segment])))
  return { path: raw.toString('utf8'), raw }
}

/** The name as it is shown: U+FFFD for what is not UTF-8. */
export function textOfName(name: string): string {
  return name.startsWith(MARK) ? bytesOfName(name).toString('utf8') : name
}

const SLASH = Buffer.from('/')

function bytesOfName(name: string): Buffer {
  return name.startsWith(MARK) ? Buffer.from(name.slice(1), 'latin1') : Buffer.from(name)
}
