// The screen of a terminal as a person sees it: an emulator takes the bytes, and shows each cell with colours and
// attributes, so that two screens can be compared.

import xterm from '@xterm/headless'
import type { IBufferCell } from '@xterm/headless'

export const COLS = 80
export const ROWS = 24

/** Text that differs from run to run, such as numbers, is made equal. */
export type Mask = (text: string) => string

export class Screen {
  readonly #terminal = new xterm.Terminal({ cols: COLS, rows: ROWS, scrollback: 1000, allowProposedApi: true })
  #muted = false
  /** Given what the emulator says to the program when that asks for the cursor or the like. */
  onAnswer: (text: string) => void = () => undefined

  constructor() {
    this.#terminal.onData((text) => {
      if (!this.#muted) this.onAnswer(text)
    })
  }

  /** `again`: these bytes were shown before, and what they ask was answered then. */
  write(bytes: Uint8Array, again = false): void {
    // Written bytes are looked at later, in order.
    this.#terminal.write('', () => (this.#muted = again))
    this.#terminal.write(bytes)
  }

  /** Lines without the blanks at their ends. */
  text(): string {
    return this.#lines()
      .map((cells) =>
        cells
          .map(({ chars }) => chars)
          .join('')
          .trimEnd(),
      )
      .join('\n')
  }

  /** Everything that can be seen: the lines as runs of equal looks, the cursor, and the modes keys depend on. */
  picture(mask: Mask = (text) => text): string[] {
    const { active } = this.#terminal.buffer
    const lines = this.#lines().map((cells) => {
      let runs = ''
      for (let at = 0, next = 0; at < cells.length; at = next) {
        const look = cells[at]?.look
        while (next < cells.length && cells[next]?.look === look) next++
        const text = cells.slice(at, next).map(({ chars }) => chars)
        runs += `${look}${mask(text.join(''))}`
      }
      return runs.trimEnd()
    })
    const modes = JSON.stringify(this.#terminal.modes)
    return [...lines, `cursor ${active.cursorX},${active.cursorY} of the ${active.type} screen`, modes]
  }

  #lines(): { readonly chars: string; readonly look: string }[][] {
    const { active } = this.#terminal.buffer
    return Array.from({ length: active.length }, (_, y) => {
      const line = active.getLine(y)
      return Array.from({ length: COLS }, (__, x) => cellOf(line?.getCell(x)))
    })
  }
}

const ATTRIBUTES = ['isBold', 'isItalic', 'isDim', 'isUnderline', 'isBlink', 'isInverse', 'isInvisible'] as const

function cellOf(cell: IBufferCell | undefined): { readonly chars: string; readonly look: string } {
  if (cell === undefined) return { chars: ' ', look: '' }
  const attributes = ATTRIBUTES.filter((name) => cell[name]() !== 0).join()
  const colours = `${cell.getFgColorMode()}.${cell.getFgColor()}/${cell.getBgColorMode()}.${cell.getBgColor()}`
  const chars = cell.getWidth() === 0 ? '' : cell.getChars() || ' ' // the right half of a wide character is empty
  return { chars, look: `<${colours}${attributes}>` }
}
