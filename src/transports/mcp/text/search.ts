// Search results for a model: the count first, then matching lines under their files, as grep prints them, or one name
// a line, and how to change the search if there is more. Pure.

import { cleanLine } from './clean-line.ts'
import {
  counted,
  cutAt,
  HINT_CHARACTERS,
  LINE_CHARACTERS,
  RESULT_CHARACTERS,
  call,
  countOf,
  textOf,
  textView,
  type Subject,
  type View,
} from './view.ts'

const ROOM = RESULT_CHARACTERS - HINT_CHARACTERS

/** Largest max_results in this format. */
const MOST_MATCHES = 1000
const MOST_PATHS = 2000

interface Match {
  readonly line: number
  readonly text: string
  readonly column?: number
  readonly text_column?: number
  readonly before?: readonly string[]
  readonly after?: readonly string[]
}

export function matchesView({ body }: Subject): View {
  const results = Object.entries((body['results'] ?? {}) as Readonly<Record<string, readonly Match[]>>) // the operation's own output
  const groups = results.map(([path, matches]) => [path, ...matches.flatMap(shownMatch)])
  const lines: string[] = []
  let room = ROOM
  let told = 0
  for (const group of groups) {
    const fit = group.findIndex((line) => (room -= line.length + 1) < 0)
    lines.push(...(fit === -1 ? group : group.slice(0, fit)))
    if (fit !== -1) break
    told++
  }
  const files = countOf(body, 'total_files') ?? 0
  const found = `${counted(countOf(body, 'total_matches') ?? 0, 'matching line')} in ${counted(files, 'file')} under ${textOf(body, 'path')}.`
  const late =
    body['timed_out'] === true
      ? '[the time was up before all was searched: narrow path or file_types, or raise timeout]'
      : ''
  const most = (countOf(body, 'total_matches') ?? 0) < MOST_MATCHES ? ', or raise max_results' : ''
  const more = body['capped'] === true ? `[there are more: narrow path or file_types${most}]` : ''
  const cut =
    told < groups.length ? `[cut: ${told} of ${counted(files, 'file')} shown in full; narrow path or file_types]` : ''
  const warnings = ((body['warnings'] ?? []) as readonly string[])
    .slice(0, 3)
    .map((warning) => `[${cutAt(warning, 300)}]`)
  const hint = typeof body['hint'] === 'string' ? `[${body['hint']}]` : ''
  return textView(
    [found, hint, ...lines, cut, late === '' ? more : late, ...warnings],
    ['success', 'results', 'matches', 'warnings', 'hint'],
  )
}

/** Returns a match as grep prints it: the number and a colon for the match, a dash for the lines around it. */
function shownMatch({ line, text, column = 1, text_column = 1, before = [], after = [] }: Match): string[] {
  // The match may be too far from the beginning of its line to be shown with it.
  const at = column - text_column
  const seen = at < LINE_CHARACTERS - LEAD ? text : `…${text.slice(at - LEAD)}`
  return [
    ...before.map((one, i) => `${line - before.length + i}-${shortened(one)}`),
    `${line}:${shortened(seen)}`,
    ...after.map((one, i) => `${line + 1 + i}-${shortened(one)}`),
  ]
}

/** Characters before such a match. */
const LEAD = 60

function shortened(raw: string): string {
  const line = cleanLine(raw)
  return line.length <= LINE_CHARACTERS ? line : `${cutAt(line, LINE_CHARACTERS)}… [line cut]`
}

export function pathsView({ body, asked, more: tool }: Subject): View {
  const files = (body['files'] ?? []) as readonly string[] // the operation's own output
  let room = ROOM
  const over = files.findIndex((path) => (room -= path.length + 1) < 0)
  const shown = over === -1 ? files : files.slice(0, over)
  const found = `${counted(countOf(body, 'total_files') ?? files.length, 'file')} under ${textOf(body, 'path')}.`
  const offset = Number(asked['offset'] ?? 0)
  const again = (from: number, more: object): string =>
    call(tool, {
      ...asked,
      ...(typeof asked['path_base64'] === 'string' ? {} : { path: textOf(body, 'path') }),
      ...more,
      offset: from,
    })
  // The hidden names are in the same part of the walk, so the same part is asked again in shorter parts.
  const parts = again(offset, { max_results: Math.max(1, Math.floor(shown.length / 2)) })
  const cut = shown.length < files.length ? `[cut: ${shown.length} shown; ${parts} shows all in shorter parts]` : ''
  const most = files.length < MOST_PATHS ? ', or raise max_results' : ''
  const more =
    cut === '' && body['truncated'] === true
      ? `[there are more: narrow path or q${most}; ${again(offset + files.length, {})} shows the next ones]`
      : ''
  return textView([found, ...shown, cut, more], ['success', 'files'])
}
