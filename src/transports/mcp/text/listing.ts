// A listing for a model: one line on the shown part, then a line for each entry by its path below the directory, in the
// order of the tree. If there are too many, the deepest entries go first, so that every entry of the top stays, and the
// call that shows the next part is named. Pure.

import {
  counted,
  cutAt,
  grouped,
  HINT_CHARACTERS,
  RESULT_CHARACTERS,
  call,
  countOf,
  named,
  textOf,
  textView,
  type Body,
  type Subject,
  type View,
} from './view.ts'

const ROOM = RESULT_CHARACTERS - HINT_CHARACTERS
/** Characters of one file's content, if contents were asked for. */
const CONTENT_CHARACTERS = 8_000

interface Line {
  readonly text: string
  readonly depth: number
  /** Directory of the entry. */
  readonly place: string
  readonly entry: Body
}

export function listingView({ body, asked, more }: Subject): View {
  const path = textOf(body, 'path')
  const all = linesOf(body['entries'], path)
  const { shown, cutAt: place } = broadest(all)
  const cut = place ?? (body['truncated'] === true ? textOf(body, 'cut_at') || path : undefined)
  const what = `${cut === undefined ? '' : 'The first '}${counted(shown.length, 'entry').replace('entrys', 'entries')} below ${path}`
  const depth = body['depth_limited'] === true ? ' Deeper ones are left out: raise max_depth.' : ''
  const closed = countOf(body, 'errors') ?? 0
  return textView(
    [
      `${what}${shown.length === 0 ? '; it is empty or all is left out' : ''}.${depth}`,
      ...shown.map(({ text }) => text),
      ...contentsOf(shown, ROOM - lengthOf(shown)),
      closed > 0 ? `[${counted(closed, 'place')} could not be read]` : '',
      cut === undefined ? '' : `[there are more: ${call(more, onward(shown, { cut, path, asked }))}]`,
    ],
    ['success', 'entries'],
  )
}

/** Returns arguments for the next part: a deeper directory is listed by itself, a flat list goes on at its offset. */
function onward(shown: readonly Line[], { cut, path, asked }: { cut: string; path: string; asked: Body }): object {
  const named = asked['path_base64'] === undefined
  if (cut !== path) return named ? { ...asked, path: cut } : asked
  const { nested, flatten, ...rest } = asked
  const tree = isSet(nested) && !isSet(flatten)
  const kept = tree ? rest : asked
  const told = tree ? shown.filter(({ depth }) => depth === 0).length : shown.length
  return { ...kept, ...(named && { path }), offset: (countOf(asked, 'offset') ?? 0) + told }
}

/** True for a flag that is set, also as a string or a number. */
function isSet(value: unknown): boolean {
  return value === true || value === 'true' || value === 1 || value === '1'
}

function linesOf(entries: unknown, place: string): Line[] {
  const lines: Line[] = []
  const pending = asEntries(entries)
    .map((entry) => ({ entry, depth: 0, place }))
    .toReversed()
  const base = place === '/' ? '/' : `${place}/`
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { entry, depth } = next
    const path = textOf(entry, 'path')
    const name = path.startsWith(base) ? path.slice(base.length) : path
    lines.push({ ...next, text: lineOf(entry, name) })
    const children = asEntries(entry['children']).map((child) => ({ entry: child, depth: depth + 1, place: path }))
    pending.push(...children.toReversed())
  }
  return lines
}

function lineOf(entry: Body, name: string): string {
  const mark = entry['type'] === 'directory' ? '/' : entry['type'] === 'symlink' ? '@' : ''
  const size = countOf(entry, 'size')
  const facts = [
    size === undefined || mark !== '' ? '' : grouped(size),
    textOf(entry, 'special'),
    textOf(entry, 'hash'),
    entry['truncated'] === true ? '(not all of it)' : '',
  ]
  return [`${named(name)}${mark}`, ...facts.filter((fact) => fact !== '')].join('  ')
}

/** Returns as many lines as fit, level by level, in the order of the tree. */
function broadest(all: readonly Line[]): { shown: readonly Line[]; cutAt: string | undefined } {
  if (lengthOf(all) <= ROOM) return { shown: all, cutAt: undefined }
  let free = ROOM
  const byDepth = all.toSorted((a, b) => a.depth - b.depth)
  const over = byDepth.findIndex(({ text }) => (free -= text.length + 1) < 0)
  const kept = new Set(byDepth.slice(0, over))
  return { shown: all.filter((line) => kept.has(line)), cutAt: byDepth[over]?.place }
}

function lengthOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { text }) => sum + text.length + 1, 0)
}

function* contentsOf(lines: readonly Line[], room: number): Generator<string> {
  let free = room
  for (const { entry } of lines) {
    const content = textOf(entry, 'content')
    if (content === '') continue
    const path = textOf(entry, 'path')
    const shown = cutAt(content, CONTENT_CHARACTERS)
    const part = `--- ${named(path)}\n${shown}${shown.length < content.length ? '… [cut: file_read shows all]' : ''}`
    free -= part.length + 1
    if (free < 0) return yield '[further contents are left out: read the files one by one]'
    yield part
  }
}

function asEntries(value: unknown): readonly Body[] {
  return Array.isArray(value) ? (value as readonly Body[]) : [] // the operation's own output
}
