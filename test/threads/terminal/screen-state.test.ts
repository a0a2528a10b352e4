// The state of a screen beside an emulator that has seen everything (xterm.js): after any output, cut anywhere, a fresh
// emulator that is given the prelude and the rest stands as the one that saw it all.

import xterm from '@xterm/headless'
import t from 'tap'
import { PRELUDE_BYTES, preludeOf } from '../../../src/threads/terminal/prelude.ts'
import { freshScreen, type ScreenState } from '../../../src/threads/terminal/screen-state.ts'
import { ScreenTracker } from '../../../src/threads/terminal/screen-tracker.ts'

const COLS = 20
const ROWS = 6

/** In pieces as they may come; the state is stored in between as it is between two slices. */
function stateAfter(bytes: Buffer, pieces: readonly number[] = []): ScreenState {
  let state = freshScreen(COLS, ROWS)
  let at = 0
  for (const length of [...pieces, bytes.length]) {
    const tracker = new ScreenTracker(JSON.parse(JSON.stringify(state)) as ScreenState)
    tracker.feed(bytes.subarray(at, at + length))
    ;({ state } = tracker)
    at += length
  }
  return state
}

const ATTRIBUTES = ['isBold', 'isItalic', 'isDim', 'isUnderline', 'isInverse', 'isStrikethrough', 'isOverline'] as const

/** What can be asked of a terminal about everything that is no cell: the questions change it. */
class Emulator {
  readonly #terminal = new xterm.Terminal({ cols: COLS, rows: ROWS, scrollback: 0, allowProposedApi: true })

  async write(bytes: Uint8Array | string): Promise<void> {
    await new Promise<void>((done) => this.#terminal.write(bytes, done))
  }

  async answers(): Promise<string[]> {
    const place = (): string => {
      const { active } = this.#terminal.buffer
      return `${active.type} ${active.cursorX},${active.cursorY}`
    }
    const look = async (): Promise<string> => {
      await this.write('\x1b[?6l\x1b[?7h\x1b[4l\x1b[3;3Hq')
      const { active } = this.#terminal.buffer
      const cell = active.getLine(active.baseY + 2)?.getCell(2)
      const colours = `${cell?.getFgColorMode()}.${cell?.getFgColor()}/${cell?.getBgColorMode()}.${cell?.getBgColor()}`
      return `${cell?.getChars()} ${colours} ${ATTRIBUTES.filter((name) => cell?.[name]() !== 0).join()}`
    }
    const ask = async (bytes: string, question: () => string | Promise<string>): Promise<string> => {
      await this.write(bytes)
      return `${JSON.stringify(bytes)}: ${await question()}`
    }
    return [
      await ask('', () => JSON.stringify(this.#terminal.modes)),
      await ask('', place),
      await ask('x', place),
      await ask('', look),
      await ask('\x1b[?6h\x1b[99;1H', place),
      await ask('\x1b[1;1H', place),
      await ask('\x1b[?6l\x1b8', place),
      await ask('', look),
      await ask('\x1b[?1049l', place),
      await ask('', look),
      await ask('\x1b[?6h\x1b[99;1H', place),
      await ask('\x1b[1;1H', place),
    ]
  }
}

async function compare(bytes: Buffer, cut: number, pieces?: readonly number[]): Promise<[string[], string[]]> {
  const whole = new Emulator()
  await whole.write(bytes)
  const resumed = new Emulator()
  const prelude = preludeOf(stateAfter(bytes.subarray(0, cut), pieces))
  if (prelude.length > PRELUDE_BYTES) throw new Error(`${prelude.length} bytes`)
  await resumed.write(prelude)
  await resumed.write(bytes.subarray(cut))
  return [await resumed.answers(), await whole.answers()]
}

/** OUTPUTS=600 takes half a minute. */
const OUTPUTS = Number(process.env['OUTPUTS'] ?? 150)

let seed = 0
/** Numbers that look random and are the same in each run. */
function below(count: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
  return (seed >>> 8) % count
}
const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T

// xterm.js keeps the mode of new lines over a reset, so that is taken back first. Shifts are not among these: restoring a cursor brings all four character sets back as a VT has it, in xterm.js the one in use.
const TEXTS = ['plain', ' ', 'é', '漢字', 'a line\r\n', '\r', '\n', '\t', '\b', 'x'.repeat(25), '\v', '\x07']
const LOOKS = ['', '0', '1', '3', '4', '4:3', '7', '9', '22', '24', '27', '31', '42', '39', '49', '91', '103', '38;5;200', '48;2;1;2;3', '38:2::9:8:7', '48:5:17', '53', '1;31;44', '2;53;38;5;1;9'] // prettier-ignore
const MODES = [1, 6, 7, 9, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1006, 1016, 1047, 1048, 1049, 2004, 2026]

function piece(): string {
  const n = (): string => pick(['', '1', '2', '3', '5', '17', '99'])
  switch (below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return pick(TEXTS)
    case 4:
      return `\x1b[${pick(LOOKS)}m`
    case 5:
    case 6:
      return `\x1b[?${pick(MODES)}${pick(['', `;${pick(MODES)}`])}${pick(['h', 'l'])}`
    case 7:
      return `\x1b[${n()}${pick(['A', 'B', 'C', 'D', 'E', 'F', 'G', 'd', 'e', 'a', '`', 'I', 'Z', 'L', 'M', '@', 'P', 'X', 'K', 'J', 'S', 'T'])}`
    case 8:
      return `\x1b[${n()};${n()}${pick(['H', 'f', 'r'])}`
    case 9:
      return pick(['\x1b7', '\x1b8', '\x1b[s', '\x1b[u', '\x1bD', '\x1bM', '\x1bE', '\x1b=', '\x1b>'])
    case 10:
      return pick(['\x1b(0', '\x1b(B', '\x1b[4h', '\x1b[4l', '\x1b[20h', '\x1b[20l', '\x1b[!p'])
    case 11:
      return pick([
        '\x1b]0;a title\x07',
        '\x1b]0;another\x1b\\',
        '\x1bPq#0~\x1b\\',
        '\x1b_kitty\x1b\\',
        '\x1b[>1u',
        '\x1b[<u',
      ])
    case 12:
      return pick([
        '\u009b31m',
        '\u009b2;2H',
        '\u0085',
        '\u0084',
        '\x1b[3\r1m',
        '\x1b[12\x18',
        '\x1b[1;\x1b[2;2H',
        '\x1b#8',
      ])
    default:
      return pick(['\x1b[20l\x1bc', '\x1b[?1;1000;2004h', '\r\n'.repeat(9), '\x1b[6 q', '\xff'])
  }
}

t.test(`beside xterm.js: ${OUTPUTS} outputs made of everything, cut anywhere`, { timeout: 120_000 }, async (t) => {
  for (seed = 1; seed < OUTPUTS; seed++) {
    const first = seed
    const text = Array.from({ length: 3 + below(40) }, piece).join('')
    const bytes = Buffer.from(text)
    const cut = below(bytes.length + 1)
    const pieces = Array.from({ length: below(4) }, () => below(20))
    const [resumed, whole] = await compare(bytes, cut, pieces)
    seed = first
    if (JSON.stringify(resumed) === JSON.stringify(whole)) continue
    t.strictSame(resumed, whole, `${first}: ${JSON.stringify(text)} cut at ${cut}`)
    break
  }
  t.pass('all alike')
})

t.test('character sets and shifts', async (t) => {
  for (const text of ['\x1b)0\x0eq', '\x1b(0q\x0e', '\x1b)0\x0eq\x0f', '\x1b*0\x1bn', '\x1b(0\x1b)B\x1b7\x0e\x1b8q']) {
    const bytes = Buffer.from(text)
    const [resumed, whole] = await compare(bytes, bytes.length)
    t.strictSame(resumed, whole, JSON.stringify(text))
  }
})

t.test('repeated characters, and marks on the one before', async (t) => {
  // What is repeated behind the cut cannot be: a prelude has no characters.
  for (const text of [
    'w\x1b[3b',
    'w\x1b[99b',
    'w\x1b[b',
    '漢\x1b[30b',
    'w\r\x1b[5b',
    'w\x1b[m\x1b[5b',
    'e\u0301\u0302',
    '\u00adx\ufe0f',
  ]) {
    const bytes = Buffer.from(text)
    const [resumed, whole] = await compare(bytes, bytes.length)
    t.strictSame(resumed, whole, JSON.stringify(text))
  }
})

t.test('long runs of lines are skipped to the same end', async (t) => {
  const lines = Array.from({ length: 400 }, (_, i) => `line ${i} of a flood${i % 3 === 0 ? '\x0e' : '\x0f'}\r\n`).join(
    '',
  )
  for (const text of [
    `\x1b[1;31m${lines}behind`,
    `\x1b[2;4r\x1b[3;3H${lines}\x1b[?2004h`,
    `\x1b[2;4r\x1b[6;1H${lines}at the bottom`,
    lines.replaceAll('\r', ''),
    lines.replaceAll('\n', ''),
    `${lines}\u009b1;1H${lines.slice(0, 2000)}\u009b3;3Hz`,
    'no line end '.repeat(500),
  ]) {
    const bytes = Buffer.from(text)
    for (const cut of [bytes.length, bytes.length - 5, bytes.length >> 1]) {
      const [resumed, whole] = await compare(bytes, cut)
      t.strictSame(resumed, whole, `${JSON.stringify(text.slice(0, 30))} cut at ${cut}`)
    }
  }
})

t.test('what has no end is bounded', async (t) => {
  const endless = ['\x1b[1;', '\x1b]0;title', '\x1bPq', '\x1b(((', '\x1b[?1h'].map((begin) =>
    begin.padEnd(100_000, '1;('),
  )
  for (const text of endless) {
    const state = stateAfter(Buffer.from(text), [50_000])
    t.ok(JSON.stringify(state).length < 3000, text.slice(0, 6))
  }
  const full = Buffer.from(
    Array.from({ length: 20 }, (_, i) => `\x1b[>${i + 1000}u`).join('') +
      Array.from({ length: 9999 }, (_, i) => `\x1b[?${i}h`).join('') +
      '\x1b[38;2;255;255;255;48;2;255;255;255;58:2::255:255:255;1;2;3;4:5;5;7;8;9;53m\x1b(%5\x1b)%5\x1b*%5\x1b+%5\x1b7' +
      Array.from({ length: 20 }, (_, i) => `\x1b[>${i + 1000}u`).join('') +
      'é'.repeat(30),
  )
  const state = stateAfter(full)
  t.ok(JSON.stringify(state).length < 3000, `${JSON.stringify(state).length} bytes of state`)
  t.ok(preludeOf(state).length <= PRELUDE_BYTES, `${preludeOf(state).length} bytes of prelude`)
})

t.test('200,000 bytes at random do no harm', async (t) => {
  const bytes = Buffer.from(
    Array.from({ length: 200_000 }, () => pick([0x1b, 0x5b, 0x3b, 0x6d, 0x68, 0x3f, 0xc2, 0x9b, below(256)])),
  )
  const state = stateAfter(
    bytes,
    Array.from({ length: 500 }, () => below(400)),
  )
  const { x, y } = state.cursor
  t.ok(x >= 0 && x <= COLS && y >= 0 && y < ROWS, `${x},${y}`)
})
