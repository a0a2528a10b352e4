// A file for a model: one line on the shown part and the whole, then the lines, then the call for the rest. Images are
// sent as images, other binaries as their type and size. Pure.

import {
  counted,
  cutAt,
  grouped,
  HINT_CHARACTERS,
  LINE_CHARACTERS,
  RESULT_CHARACTERS,
  call,
  countOf,
  textOf,
  textView,
  type Body,
  type Subject,
  type View,
} from './view.ts'

const ROOM = RESULT_CHARACTERS - HINT_CHARACTERS
const TOLD = ['success', 'content']

export function fileView(subject: Subject): View {
  const { body } = subject
  const path = textOf(body, 'path')
  const type = textOf(body, 'media_type')
  const size = countOf(body, 'size') ?? 0
  if (type.startsWith('image/') && body['encoding'] === 'base64') {
    const image = { type: 'image', data: textOf(body, 'content'), mimeType: type } as const
    return { content: [{ type: 'text', text: `${path}: ${type}, ${counted(size, 'byte')}.` }, image], told: TOLD }
  }
  if (body['binary'] === true) {
    const why = type.startsWith('image/') ? ' It is too large to be shown as an image.' : ''
    return textView([`${path}: ${type}, ${counted(size, 'byte')}; not text.${why}`], TOLD)
  }
  return body['encoding'] === 'base64' ? exactView(body, path, size) : linesView(subject, path, size)
}

function linesView({ body, asked, more, moreOfLine }: Subject, path: string, size: number): View {
  const all = textOf(body, 'content').split('\n')
  if (all.at(-1) === '') all.pop()
  const lines = all.map(shortened)
  const fit = fitting(lines)
  const first = countOf(body, 'start_line') ?? 1
  const last = first + fit - 1
  const total = countOf(body, 'total_lines')
  const next = fit < lines.length ? last + 1 : countOf(body, 'next_line')
  const long = lines.slice(0, fit).findIndex((line, i) => line !== all[i] || (i === 0 && body['line_cut'] === true))
  const lossy = body['lossy'] === true ? ' It is not UTF-8: do not write it back from here.' : ''
  return textView(
    [`${path}: ${shownOf(first, last, total, size)}${lossy}`, lines.slice(0, fit).join('\n'), restOfLine(), rest()],
    TOLD,
  )

  /**
   * Returns the command for the rest of a line, from a character on: the line's number is no part of the file. It
   * prints lines of 1,000 characters, because the daemon cuts long ones for a model again.
   */
  function restOfLine(): string | undefined {
    // A command is text: it cannot name a path that is not UTF-8.
    if (long === -1 || moreOfLine === undefined || body['path_base64'] !== undefined) return undefined
    const line = first + long
    const number = [false, 'false', 0, '0'].some((no) => no === asked['with_line_numbers']) ? '' : `${line}\t`
    const shown = Array.from(cutAt(all[long] ?? '', LINE_CHARACTERS)).length - number.length
    const script = `LC_ALL=C.UTF-8 sed -n '${line}{s/^.\\{${shown}\\}//;s/.\\{1000\\}/&\\n/g;p;q}' -- "$1"`
    return `[line ${line} goes on: ${call(moreOfLine, { command: ['sh', '-c', script, 'sh', path] })}]`
  }

  function rest(): string | undefined {
    if (next === undefined) return undefined
    const { end_line, ...rest } = asked
    const until = typeof end_line === 'number' && end_line >= next ? { end_line } : {}
    const left = total === undefined ? 'more lines' : counted(total - next + 1, 'more line')
    return `[${left}: ${call(more, { ...rest, ...(rest['path_base64'] === undefined && { path }), start_line: next, ...until })}]`
  }
}

function shownOf(first: number, last: number, total: number | undefined, size: number): string {
  const bytes = counted(size, 'byte')
  if (total === 0 || size === 0) return 'empty.'
  if (last < first)
    return `${total === undefined ? '' : `${counted(total, 'line')}, `}${bytes}; nothing at line ${first}.`
  if (total === undefined) return `lines ${first}-${last}, ${bytes} in all.`
  return first === 1 && last === total
    ? `${counted(total, 'line')}, ${bytes}.`
    : `lines ${first}-${last} of ${grouped(total)}, ${bytes} in all.`
}

function exactView(body: Body, path: string, size: number): View {
  const content = textOf(body, 'content')
  const shown = cutAt(content, ROOM - (ROOM % 4))
  const cut =
    shown.length < content.length
      ? `[cut after ${grouped((shown.length / 4) * 3)} bytes of what was read; max_bytes of ${(ROOM >> 2) * 3} or fewer lines are shown whole]`
      : ''
  return textView([`${path}: ${counted(size, 'byte')} in all, as base64.`, shown, cut], TOLD)
}

function shortened(line: string): string {
  if (line.length <= LINE_CHARACTERS) return line
  return `${cutAt(line, LINE_CHARACTERS)}… [line cut]`
}

function fitting(lines: readonly string[]): number {
  let used = 0
  const over = lines.findIndex((line) => (used += line.length + 1) > ROOM)
  return over === -1 ? lines.length : over
}

/** Says in one sentence what was changed. Pure. */
export function writtenView({ body }: Subject): View {
  const size = countOf(body, 'size') ?? 0
  const inPlace =
    body['atomic'] === false ? ' It was written in place, since it has other links or cannot be replaced.' : ''
  return textView([`Written: ${textOf(body, 'path')}, now ${counted(size, 'byte')}.${inPlace}`], ['success'])
}

export function deletedView({ body }: Subject): View {
  return textView([`Deleted: ${textOf(body, 'path')}.`], ['success'])
}
