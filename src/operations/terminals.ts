// Terminals: open, list, look back, end. A client with a socket follows them there (transports/socket); every other one
// calls `terminal_scrollback` with `from`.

import type { Static } from 'typebox'
import { operation, type Fit } from '../operation.ts'
import { argv, environment, flag, id, number, optional, path, Type, whole } from '../schema.ts'
import type { Passage } from '../workspace/terminals/output.ts'
import { MOST_CELLS, MOST_SCROLLBACK, USUAL_SCROLLBACK, USUAL_WINDOW } from '../workspace/terminals/sizes.ts'
import type { Terminal } from '../workspace/terminals/terminal.ts'
import {
  CHARACTER_BYTES,
  terminalEntryOf,
  isOther,
  scrollbackReport,
  scrollbackShape,
  terminalEntry,
  wholeCharacters,
} from './terminal-report.ts'
import { refuseWithheld } from '../workspace/files/opening/access.ts'
import { leftoverFields, leftoversReply } from './leftovers.ts'
import { MOST_WAIT_SECONDS } from './exec-output.ts'
import { askedCount, countIn, textIn } from './fit-fields.ts'

/** Largest number a client may ask for: it gets what there is. */
const ANY_SIZE = 2 ** 31 - 1

export const terminalId = id('The terminal, as terminal_create and terminal_list name it.')
export const cells = (what: string, usual?: number) =>
  whole(`${what} of the window.`, {
    minimum: 1,
    maximum: MOST_CELLS,
    ...(usual === undefined ? {} : { default: usual }),
  })

export const terminalCreate = operation({
  name: 'terminal_create',
  title: 'Open a terminal',
  summary: 'Starts a program, or a shell, in a terminal of its own.',
  scope: 'terminal',
  area: 'Terminals',
  input: Type.Object({
    command: optional(
      argv(
        'The program and its arguments, each an element; or one element: a command line. The login shell unless given.',
      ),
    ),
    cols: cells('Columns', USUAL_WINDOW.cols),
    rows: cells('Rows', USUAL_WINDOW.rows),
    scrollback_size: whole(
      `Bytes of output shown again to a client that attaches, at most ${MOST_SCROLLBACK}. 0: ${USUAL_SCROLLBACK}.`,
      { minimum: 0, maximum: ANY_SIZE, default: 0 },
    ),
    cwd: optional(path('Directory in which it starts; the working directory of the daemon unless given.')),
    env: optional(environment('Variables laid over those it inherits. TERM is xterm-256color unless given.')),
  }),
  output: terminalEntry,
  aliases: { cmd: 'command', shell: 'command' },
  routes: [{ method: 'POST', path: '/terminals', status: 201 }],
  tool: {
    hints: { readOnly: false, destructive: false, idempotent: false, openWorld: true },
    text: { form: 'terminal', more: 'terminal_scrollback' },
    description:
      'Open a terminal (pseudo-terminal, tty) with a shell or an interactive program in the workspace and return its id. ' +
      'It lives until its program exits or terminal_delete ends it, with or without a client. Read what it prints with terminal_scrollback. ' +
      'To run a command and get its output and exit code, use exec_run instead; this is for programs that need a terminal and for people who watch.',
  },
  statuses: [404, 504],
  example: { command: ['bash'], cols: 120, rows: 40, cwd: '/app' },
  async run({ scrollback_size, ...input }, call) {
    await refuseWithheld(input.cwd, call.access)
    await call.workspace.terminals.ready()
    return terminalEntryOf(await call.workspace.terminals.create({ ...input, scrollbackSize: scrollback_size }))
  },
})

export const terminalList = operation({
  name: 'terminal_list',
  title: 'List terminals',
  summary: 'Lists the terminals that live, and those that have ended and are still kept.',
  scope: 'terminal',
  area: 'Terminals',
  input: Type.Object({}),
  output: Type.Object({ terminals: Type.Array(terminalEntry, { description: 'Oldest first' }) }),
  routes: [{ method: 'GET', path: '/terminals' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    text: { form: 'terminals', more: 'terminal_scrollback' },
    description:
      'List the terminals of the workspace: id, command, window size, whether alive, exit code and times, oldest first. ' +
      'Those that have ended are kept for a while so that their output can still be read with terminal_scrollback.',
  },
  example: {},
  run: (_input, call) => Promise.resolve({ terminals: call.workspace.terminals.list().map(terminalEntryOf) }),
})

// Shortens what a terminal printed to parts that fit into one message: fewer bytes are asked for, from the same offset
// or of the same end, and the answer names the call for the rest.
const scrollbackFit: Fit = {
  less(came, asked, share) {
    const size = Math.min(countIn(came, 'size') ?? 0, askedCount(asked, 'bytes') || Infinity)
    const bytes = Math.floor(size * share)
    return bytes < 4 ? undefined : { bytes, wait_seconds: 0 } // the output it waited for has come
  },
  marks(short, asked, came) {
    const forward = asked['from'] !== undefined && asked['from'] !== null
    // The end was asked for: the rest lies before it.
    const from = countIn(forward ? short : came, forward ? 'next' : 'from') ?? 0
    const text = short['encoding'] === 'text'
    const life = textIn(short, 'life')
    const args = { ...(text && { text }), id: asked['id'] ?? asked['terminal_id'], from, ...(life !== '' && { life }) }
    return textIn(short, 'scrollback') === textIn(came, 'scrollback')
      ? {}
      : { scrollback_truncated: true, next_call: { tool: 'terminal_scrollback', arguments: args } }
  },
}

const scrollbackInput = Type.Object({
  id: terminalId,
  bytes: whole('At most this many bytes: the last, or with from the first. 0: all there are.', {
    minimum: 0,
    maximum: ANY_SIZE,
    default: 0,
  }),
  text: flag('Answer with text instead of base64. Escape sequences stay in it.', false),
  from: optional(
    whole('Begin at this offset in all the terminal ever printed: 0 at first, then the next of the answer before.', {
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
    }),
  ),
  life: optional(
    Type.String({
      description:
        'With from: the life of the terminal that the offset is one of. Another life begins at 0 and says so.',
      minLength: 1,
      maxLength: 64,
    }),
  ),
  wait_seconds: number('With from: seconds to wait for something new, or for the end.', {
    minimum: 0,
    maximum: MOST_WAIT_SECONDS,
    default: 0,
  }),
})

export const terminalScrollback = operation({
  name: 'terminal_scrollback',
  title: 'Read a terminal',
  summary: 'Returns what a terminal has printed: its last bytes, or everything since an offset.',
  scope: 'terminal',
  area: 'Terminals',
  input: scrollbackInput,
  output: scrollbackShape,
  aliases: { terminal_id: 'id' },
  routes: [{ method: 'GET', path: '/terminals/:id/scrollback' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    description:
      'Read what a terminal printed, as base64 or with text true as text. Without from: its last output. ' +
      'To follow it: from 0, then from the next of each answer, with wait_seconds to wait for new output; ' +
      'alive false and from equal to to mean that it has ended and all is read. ' +
      'gap_bytes says how much was printed too long ago to be kept. Reading does not consume anything.',
    fit: scrollbackFit,
    text: { form: 'screen', defaults: { text: true } },
  },
  statuses: [404],
  example: { id: '1', bytes: 4096, text: true },
  run: (input, call) => lookBack(call.workspace.terminals.get(input.id), input, call.signal),
})

async function lookBack(terminal: Terminal, input: Static<typeof scrollbackInput>, signal: AbortSignal) {
  const { life, wait_seconds, text } = input
  const most = input.bytes === 0 ? ANY_SIZE : input.bytes
  if (input.from === undefined) return scrollbackReport(terminal, { ...terminal.tail(most), gap: 0 }, text)
  const asked = { from: input.from, life }
  const from = isOther(terminal, life) ? 0 : input.from
  // One character at least, or a caller that reads text would never get past it.
  const passage = () => terminal.passage(from, text ? Math.max(most, CHARACTER_BYTES) : most)
  const report = () => scrollbackReport(terminal, passage(), text, asked)
  if (wait_seconds === 0) return report()
  const waits = AbortSignal.any([signal, AbortSignal.timeout(wait_seconds * 1000)])
  await terminal.until(from, waits)
  // The beginning of a character alone cannot be read yet.
  for (let now = passage(); text && isHalf(now, terminal) && !waits.aborted; now = passage()) {
    await terminal.until(now.offset + now.bytes.byteLength, waits)
  }
  return report()
}

function isHalf(passage: Passage, terminal: Terminal): boolean {
  return passage.bytes.byteLength > 0 && wholeCharacters(passage, terminal).byteLength === 0
}

export const terminalDelete = operation({
  name: 'terminal_delete',
  title: 'End a terminal',
  summary: 'Hangs a terminal up with what runs in it, and forgets it.',
  scope: 'terminal',
  area: 'Terminals',
  input: Type.Object({ id: terminalId }),
  output: Type.Object({
    terminal_id: Type.String(),
    ...leftoverFields,
  }),
  aliases: { terminal_id: 'id' },
  routes: [{ method: 'DELETE', path: '/terminals/:id' }],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
    text: { form: 'terminal' },
    description:
      'Close, stop or kill a terminal by its id and forget its output. Every process of its session gets SIGHUP and, 1 s later, SIGKILL; ' +
      'the answer comes when they are gone. Read the output with terminal_scrollback first if it is still wanted.',
  },
  statuses: [404],
  example: { id: '1' },
  async run(input, call) {
    return { terminal_id: input.id, ...leftoversReply(await call.workspace.terminals.delete(input.id)) }
  },
})

const effective = Type.Object({
  terminal_id: Type.String(),
  scrollback_size: Type.Integer({ description: 'Bytes, as in effect', minimum: 1, maximum: MOST_SCROLLBACK }),
})

export const scrollbackResize = operation({
  name: 'terminal_scrollback_resize',
  title: 'Set the scrollback',
  summary: 'Sets how many bytes of output a terminal shows again.',
  scope: 'terminal',
  area: 'Terminals',
  input: Type.Object({
    id: terminalId,
    scrollback_size: whole(`Bytes, at most ${MOST_SCROLLBACK}. 0: ${USUAL_SCROLLBACK}.`, {
      minimum: 0,
      maximum: ANY_SIZE,
    }),
  }),
  output: effective,
  routes: [{ method: 'PATCH', path: '/terminals/:id/scrollback' }],
  statuses: [404],
  example: { id: '1', scrollback_size: 131_072 },
  async run(input, call) {
    return {
      terminal_id: input.id,
      scrollback_size: call.workspace.terminals.get(input.id).setScrollback(input.scrollback_size),
    }
  },
})

export const scrollbackClear = operation({
  name: 'terminal_scrollback_clear',
  title: 'Clear the scrollback',
  summary: 'Forgets what a terminal has printed so far; what runs in it goes on.',
  scope: 'terminal',
  area: 'Terminals',
  input: Type.Object({ id: terminalId }),
  output: effective,
  routes: [{ method: 'DELETE', path: '/terminals/:id/scrollback' }],
  statuses: [404],
  example: { id: '1' },
  async run(input, call) {
    const terminal = call.workspace.terminals.get(input.id)
    terminal.clear()
    return { terminal_id: input.id, scrollback_size: terminal.scrollback }
  },
})
