// What a list of file extensions means: clients write `py`, `.py`, `*.py`, `*.{js,ts}`, or several in one text with commas
// or spaces between them, and `*` for every file. Each is read as what it means. What is none would match nothing, and an
// empty answer reads like a fact: so it is refused. Pure.

import { quote, refuse } from '../base/fault.ts'
import { readList } from './field-reading.ts'

/** `*.{js,ts}`, `.{js,ts}`, `{js,ts}`: several at once. */
const BRACES = /(^|[\s,;|])(?:\*\*\/)?\*?\.?\{([^{}]*)\}(?=$|[\s,;|])/g
/** Every file, whatever it is called. */
const EVERY: ReadonlySet<string> = new Set(['*', '*.*', '.*', '**', '**/*', '**/*.*'])

/** Extensions without their first dot; none: every file. What is no list stays as it came. */
export function readExtensions(name: string, value: unknown): unknown {
  const items = readList(name, value)
  if (!Array.isArray(items) || !items.every((item) => typeof item === 'string')) return items
  const words = items.flatMap((item) => wordsOf(item))
  if (words.some((word) => EVERY.has(word))) return []
  // A dot by itself is a slip where others say what is meant.
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
