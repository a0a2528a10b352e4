// Which file a line is of, and how the answer calls it. Names are bytes: what tells two files apart is not the text
// that is shown of them. Pure.

import { unusedName } from '../../threads/walk/lossy-names.ts'
import type { LineRecord } from './line-record.ts'

/** A file, told from every other: its path, or the bytes of it where those are not UTF-8. */
export function fileKey({ path, pathBytes }: Pick<LineRecord, 'path' | 'pathBytes'>): string {
  return pathBytes === undefined ? path : `\0${pathBytes}`
}

/**
 * The keys of the answer's files. Decoding makes one text of several names that are not UTF-8, and that text may be
 * another file's name: where two files would have one key, the bytes of the names that are not UTF-8 are told as \xNN.
 */
export function shownNames(records: readonly LineRecord[]): ReadonlyMap<string, string> {
  const byText = new Map<string, Map<string, LineRecord>>()
  for (const record of records) {
    const files = byText.get(record.path) ?? new Map<string, LineRecord>()
    byText.set(record.path, files.set(fileKey(record), record))
  }
  const names = new Map<string, string>()
  const used = new Set(byText.keys())
  for (const [text, files] of byText) {
    for (const [file, { pathBytes }] of files) {
      if (pathBytes === undefined || files.size === 1) {
        names.set(file, text)
        continue
      }
      const name = unusedName(Buffer.from(pathBytes, 'base64'), used)
      used.add(name)
      names.set(file, name)
    }
  }
  return names
}
