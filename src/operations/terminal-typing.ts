// Typing into a terminal and resizing it: always over REST; over MCP in a toolset that is off by default.

import { Fault } from '../base/fault.ts'
import { operation } from '../operation.ts'
import { content, flag, optional, Type } from '../schema.ts'
import { INPUT_BYTES } from '../workspace/terminals/terminal.ts'
import { bodyBytes, inputBytes, tooLong } from './input-bytes.ts'
import { cells, terminalId } from './terminals.ts'

/** The tools are off by default; the routes are not. */
const TOOLSET = { toolset: 'terminal', routed: 'always' } as const

export const terminalInput = operation({
  name: 'terminal_input',
  title: 'Type into a terminal',
  summary: 'Types bytes into a terminal.',
  scope: 'terminal',
  area: 'Terminals',
  input: Type.Object({
    id: terminalId,
    input: optional(content('The text to type. Enter is \\r, Ctrl-C is \\u0003, Escape is \\u001b.')),
    base64: flag('input is base64.', false),
  }),
  output: Type.Object({
    terminal_id: Type.String(),
    bytes_written: Type.Integer({ description: 'Bytes taken for the program', minimum: 0 }),
  }),
  aliases: { terminal_id: 'id', data: 'input' },
  routes: [{ method: 'POST', path: '/terminals/:id/input', body: 'either' }],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
    ...TOOLSET,
    text: { form: 'input' },
    description:
      'Type text or keys into a terminal: answer a prompt, enter a command, press a key. End a line with \\r. ' +
      'The answer does not wait for any effect: read it with terminal_scrollback and wait_seconds. ' +
      `At most ${INPUT_BYTES / 1024 / 1024} MiB may wait for the program to read it; all of the text is taken, or none.`,
  },
  statuses: [404, 409],
  remarks:
    'The body is a JSON object with input (or data) and perhaps base64. A body that is no such object is typed as it ' +
    'stands, with any content type.',
  example: { id: '1', input: 'make test\r' },
  async run(input, call) {
    const terminal = call.workspace.terminals.get(input.id)
    if (input.input === undefined && call.body === undefined) {
      throw new Fault('bad_request', 'input is missing (also taken: data); accepted is a string', {
        details: { field: 'input' },
      })
    }
    const bytes =
      input.input === undefined ? await bodyBytes(call.body ?? [], INPUT_BYTES) : inputBytes(input.input, input.base64)
    if (bytes.byteLength > INPUT_BYTES) throw tooLong('input', INPUT_BYTES)
    terminal.input(bytes)
    return { terminal_id: input.id, bytes_written: bytes.byteLength }
  },
})

export const terminalResize = operation({
  name: 'terminal_resize',
  title: 'Resize a terminal',
  summary: 'Sets the window size of a terminal; the program in the foreground is told.',
  scope: 'terminal',
  area: 'Terminals',
  input: Type.Object({ id: terminalId, cols: cells('Columns'), rows: cells('Rows') }),
  output: Type.Object({ terminal_id: Type.String(), cols: Type.Integer(), rows: Type.Integer() }),
  aliases: { terminal_id: 'id' },
  routes: [{ method: 'POST', path: '/terminals/:id/resize' }],
  tool: {
    hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
    ...TOOLSET,
    text: { form: 'terminal' },
    description:
      'Set the number of columns and rows of a terminal. Programs that draw the whole screen redraw for it; ' +
      'a wider window keeps long lines from being broken in what terminal_scrollback returns.',
  },
  statuses: [404, 409],
  example: { id: '1', cols: 100, rows: 30 },
  async run(input, call) {
    const terminal = call.workspace.terminals.get(input.id)
    terminal.resize(input.cols, input.rows)
    return { terminal_id: input.id, ...terminal.window }
  },
})
