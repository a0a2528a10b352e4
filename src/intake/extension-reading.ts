// Reads a list of file extensions. Clients write `py`, `.py`, `*.py`, `*.{js,ts}`, or several in one text with commas
// or spaces between them, and `*` for every file. A text that is no extension is refused: it would match nothing, and a
// model takes an empty answer for a fact. Pure.

import { quote, refuse } from '../base/fault.ts'
import { readList } from './field-reading.ts'

/** Several extensions at once: `*.{js,ts}`, `.{js,ts}`, `{js,ts}`. */
const BRACES = /(^|[\s,;|])(?:\*\*\/)?\*?\.?\{([^{}]*)\}(?=$|[\s,;|])/g
/** Globs that match every file. */
const EVERY: ReadonlySet<string> = new Set(['*', '*.*', '.*', '**', '**/*', '**/*.*'])

/** Returns extensions without their first dot; none: every file. A value that is no list is returned unchanged. */
export function readExtensions(name: string, value: unknown): unknown {
  const items = readList(name, value)
  if (!Array.isArray(items) || !items.every((item) => typeof item === 'string')) return items
  const words = items.flatMap((item) => wordsOf(item))
  if (words.some((word) => EVERY.has(word))) return []
  // A lone dot is ignored if other words remain.
  const said = words.filter((word) => !/^\.+$/.test(word))
  return [...new Set((said.length > 0 ? said : words).map((word) => extensionOf(name, word, value)))]
}

function wordsOf(item: string): readonly string[] {
  return item
    .replaceAll(BRACES, '$1 $2 ')
    .split(/[\s,;|]+/)
    .filter((word) => word !== '')
}

function extensionOf(name: string, word: string, came: unknown): string {
  const bare = word.replace(/^(?:\*\*\/)?\*?\.+/, '')
  if (bare !== '' && !/[*?[\]{}\\/"'`!]/.test(bare)) return bare
  const accepted = 'accepted are file extensions, as in py, .py, *.py or *.{js,ts}, and * for every file'
  const others = 'other globs go into path_filter, ignore_patterns or search_files'
  throw refuse(name, `${name} has ${quote(word)}, which is no file extension; ${accepted}; ${others}`, came)
}
