// A terminal as clients see it (protocol.md#terminals): the schemas, and the reports that fill them. The transport adds
// `success`.

import type { Static } from 'typebox'
import { optional, restCall, Type } from '../schema.ts'
import { leadingHalf, shortText, trailingHalf } from '../workspace/exec/output-text.ts'
import type { Passage } from '../workspace/terminals/output.ts'
import { MOST_SCROLLBACK } from '../workspace/terminals/sizes.ts'
import type { Terminal } from '../workspace/terminals/terminal.ts'

/** Bytes of the longest character of UTF-8. */
export const CHARACTER_BYTES = 4

const text = (description: string) => Type.String({ description })
const offset = (description: string) => Type.Integer({ description, minimum: 0 })

const LIFE = 'Random: tells this terminal from every other that has or had its id, before a restart too'

const state = {
  alive: Type.Boolean({ description: 'false once its program has ended and everything it printed is there' }),
  exit_code: Type.Integer({ description: '0 while it lives; 128 + n when signal n ended it' }),
  scrollback_size: Type.Integer({ description: 'Bytes of output that are shown again', minimum: 1 }),
}

export const terminalEntry = Type.Object({
  id: text('A number from 1 to 255; given again only after all others'),
  life: text(LIFE),
  command: Type.Array(Type.String(), { description: 'As requested, or the shell' }),
  cols: Type.Integer(),
  rows: Type.Integer(),
  ...state,
  created_at: text('ISO 8601'),
  exited_at: optional(text('ISO 8601; absent while it lives')),
  signal: optional(text('The signal that ended it, such as SIGHUP')),
  pid: Type.Integer({ description: 'Process id, also the id of its session' }),
  cwd: text('Directory in which it was started'),
})

export const scrollbackShape = Type.Object({
  scrollback: text('The bytes it printed; base64, or text if encoding says so'),
  encoding: text('base64 or text'),
  life: text(LIFE),
  size: offset('Bytes of it'),
  ...state,
  max_scrollback_size: Type.Integer({ description: 'The most that scrollback_size can be' }),
  from: offset('Offset of the first byte in all it ever printed'),
  to: offset('Offset behind the last byte'),
  next: offset('Offset to give as from in the next call'),
  gap_bytes: offset('Bytes between the from asked for and the first returned, gone by now'),
  gap: optional(
    Type.Object(
      {
        from: offset('The from asked for'),
        to: offset('Where the answer begins'),
        reason: text('ring: no longer kept; restarted: the from asked for was one of another life'),
      },
      { description: 'Absent where the answer begins at the from asked for' },
    ),
  ),
  scrollback_truncated: optional(Type.Boolean({ description: 'Over MCP: more than fits into one result' })),
  next_call: restCall('With scrollback_truncated: the call that reads the rest'),
  lossy: optional(Type.Boolean({ description: 'The text has U+FFFD where the bytes were not UTF-8' })),
})

function stateOf(terminal: Terminal) {
  const { alive, exit, scrollback } = terminal
  return { alive, exit_code: exit?.code ?? 0, scrollback_size: scrollback }
}

export function terminalEntryOf(terminal: Terminal): Static<typeof terminalEntry> {
  const { exit } = terminal
  return {
    id: String(terminal.id),
    life: terminal.life,
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

/** The place asked for, if `from` was given. */
interface ScrollbackAsked {
  readonly from: number
  readonly life: string | undefined
}

export function scrollbackReport(
  terminal: Terminal,
  passage: Passage,
  asText: boolean,
  asked?: ScrollbackAsked,
): Static<typeof scrollbackShape> {
  const whole = asText ? wholeCharacters(passage, terminal) : Buffer.from(passage.bytes)
  const skipped = asText ? halfBefore(terminal, passage) : 0
  const bytes = whole.subarray(skipped)
  const from = passage.offset + Math.min(skipped, whole.byteLength)
  const to = from + bytes.byteLength
  const { text: decoded, lossy } = asText
    ? shortText([bytes], { front: false, back: false })
    : { text: '', lossy: false }
  return {
    scrollback: asText ? decoded : bytes.toString('base64'),
    encoding: asText ? 'text' : 'base64',
    life: terminal.life,
    size: bytes.byteLength,
    ...stateOf(terminal),
    max_scrollback_size: MOST_SCROLLBACK,
    from,
    to,
    next: to,
    gap_bytes: passage.gap === 0 ? 0 : passage.gap + from - passage.offset,
    ...gapOf(terminal, { asked, gap: passage.gap, from }),
    ...(lossy ? { lossy } : {}),
  }
}

function gapOf(
  terminal: Terminal,
  { asked, gap, from }: { readonly asked: ScrollbackAsked | undefined; readonly gap: number; readonly from: number },
) {
  if (asked === undefined) return {}
  if (isOther(terminal, asked.life)) return { gap: { from: asked.from, to: from, reason: 'restarted' } }
  return gap === 0 ? {} : { gap: { from: asked.from, to: from, reason: 'ring' } }
}

/** Returns true if the caller knows another life: its offsets mean nothing here. */
export const isOther = (terminal: Terminal, life: string | undefined): boolean =>
  life !== undefined && life !== terminal.life

/**
 * Counts the bytes at the start of a passage that are the rest of a character which began before it: the text begins
 * behind them. If the bytes before are gone, any that could be such a rest count. At the very beginning of the output,
 * and behind something that is no open character, none do: they are shown as bytes that are not UTF-8.
 */
function halfBefore(terminal: Terminal, { offset, bytes, gap }: Passage): number {
  const rest = leadingHalf(Buffer.from(bytes.subarray(0, CHARACTER_BYTES)))
  if (rest === 0 || offset === 0) return 0
  const back = Math.min(CHARACTER_BYTES - 1, offset)
  const before = gap > 0 ? undefined : terminal.passage(offset - back, back)
  if (before === undefined || before.gap > 0 || before.bytes.byteLength < back) return rest
  const open = trailingHalf(Buffer.from(before.bytes))
  if (open === 0) return 0
  const first = before.bytes[back - open] ?? 0
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  return Math.min(rest, length - open)
}

/** Returns the passage without the beginning of a character whose rest may still come: a later call gets it whole. */
export function wholeCharacters(passage: Passage, terminal: Terminal): Buffer {
  const bytes = Buffer.from(passage.bytes)
  const more = terminal.alive || passage.offset + bytes.byteLength < terminal.head
  return bytes.subarray(0, bytes.byteLength - (more ? trailingHalf(bytes) : 0))
}
