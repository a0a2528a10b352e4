// A terminal as clients see it (contract 6): the schemas, and the reports that fill them. `success` is the
// transport's to add.

import type { Static } from 'typebox'
import { optional, Type } from '../schema.ts'
import { shortText, trailingHalf } from '../workspace/exec/output-text.ts'
import type { Passage } from '../workspace/terminals/attachment.ts'
import { MOST_SCROLLBACK } from '../workspace/terminals/sizes.ts'
import type { Terminal } from '../workspace/terminals/terminal.ts'

const text = (description: string) => Type.String({ description })
const offset = (description: string) => Type.Integer({ description, minimum: 0 })

const state = {
  alive: Type.Boolean({ description: 'false once its program has ended and everything it printed is there' }),
  exit_code: Type.Integer({ description: '0 while it lives; 128 + n when signal n ended it' }),
  scrollback_size: Type.Integer({ description: 'Bytes of output that are shown again', minimum: 1 }),
}

export const terminalEntry = Type.Object({
  id: text('A number from 1 to 255; given again only after all others'),
  command: Type.Array(Type.String(), { description: 'As requested, or the shell' }),
  cols: Type.Integer(),
  rows: Type.Integer(),
  ...state,
  created_at: text('ISO 8601'),
  exited_at: optional(text('ISO 8601; absent while it lives')),
  signal: optional(text('The signal that ended it, such as SIGHUP')),
  pid: Type.Integer({ description: 'Process id, also the id of its session' }),
  cwd: text('Where it was started'),
})

export const scrollbackShape = Type.Object({
  scrollback: text('What it printed; base64, or text where encoding says so'),
  encoding: text('base64 or text'),
  size: offset('Bytes of it'),
  ...state,
  max_scrollback_size: Type.Integer({ description: 'The most that scrollback_size can be' }),
  from: offset('Offset of the first byte in all it ever printed'),
  to: offset('Offset behind the last byte'),
  next: offset('from of the next call'),
  gap_bytes: offset('Bytes between the from asked for and the first returned, gone by now'),
  lossy: optional(Type.Boolean({ description: 'The text has U+FFFD where the bytes were not UTF-8' })),
})

function stateOf(terminal: Terminal) {
  const { alive, exit, scrollback } = terminal
  return { alive, exit_code: exit?.code ?? 0, scrollback_size: scrollback }
}

export function entryOf(terminal: Terminal): Static<typeof terminalEntry> {
  const { exit } = terminal
  return {
    id: String(terminal.id),
    command: [...terminal.command],
    ...terminal.window,
    ...stateOf(terminal),
    created_at: terminal.createdAt.toISOString(),
    ...(exit === undefined ? {} : { exited_at: exit.at.toISOString() }),
    ...(exit?.signal === undefined ? {} : { signal: exit.signal }),
    pid: terminal.pid,
    cwd: terminal.cwd,
  }
}

export function scrollbackReport(
  terminal: Terminal,
  passage: Passage,
  asText: boolean,
): Static<typeof scrollbackShape> {
  const bytes = asText ? wholeCharacters(passage, terminal) : Buffer.from(passage.bytes)
  const to = passage.offset + bytes.byteLength
  // Characters that begin before the first byte are left out, not replaced.
  const { text: decoded, lossy } = asText
    ? shortText([bytes], { front: true, back: false })
    : { text: '', lossy: false }
  return {
    scrollback: asText ? decoded : bytes.toString('base64'),
    encoding: asText ? 'text' : 'base64',
    size: bytes.byteLength,
    ...stateOf(terminal),
    max_scrollback_size: MOST_SCROLLBACK,
    from: passage.offset,
    to,
    next: to,
    gap_bytes: passage.gap,
    ...(lossy ? { lossy } : {}),
  }
}

/** Less the beginning of a character whose rest may still come: a later call gets it whole. */
export function wholeCharacters(passage: Passage, terminal: Terminal): Buffer {
  const bytes = Buffer.from(passage.bytes)
  const more = terminal.alive || passage.offset + bytes.byteLength < terminal.head
  return bytes.subarray(0, bytes.byteLength - (more ? trailingHalf(bytes) : 0))
}
