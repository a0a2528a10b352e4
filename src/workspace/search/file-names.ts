// `fileKey` tells the file of a line from every other, `shownNames` gives each file a text that no other has. Names are
// bytes, so two files may have the same text. Pure.

import { unusedName } from '../../threads/walk/lossy-names.ts'
import type { LineRecord } from './line-record.ts'

/** Returns the key of a file: its path, or the bytes of one that is not UTF-8. */
export function fileKey({ path, pathBytes }: Pick<LineRecord, 'path' | 'pathBytes'>): string {
  return pathBytes === undefined ? path : `\0${pathBytes}`
}

/**
 * Returns the text of each file, by key. Decoding may make one text of several names that are not UTF-8, or the name of
 * another file: if two files would have one text, the bytes of names that are not UTF-8 are written \xNN.
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
