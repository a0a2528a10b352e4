// Lines of a program's output as a terminal would leave them: without escape sequences and control characters, and with
// the last state of text that was drawn over. A device control or title over several lines is removed from all of them.
// Pure and linear.

/** Characters below space but tab, DEL, and C1. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const SUSPECT = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/
// oxlint-disable-next-line no-control-regex
const ENDS_STRING = /[\x07\x18\x1a\x1b\x9c]/g
// oxlint-disable-next-line no-control-regex
const PLAIN = /[^\x00-\x1f\x7f-\x9f]+/y
/** Parameters, intermediates and the final character of a control sequence (ECMA-48); a line's end cuts it off. */
const CONTROL = /([0-?]*)([ -/]*)([@-~]?)/y
/** Characters after an escape that opens neither a control sequence nor a string. */
const SHORT = /[ -/]*[0-~]?/y

/** Characters that open a string after an escape, and the same as one character of C1. */
const OPENS: Readonly<Record<string, 'title' | 'device'>> = {
  ']': 'title',
  P: 'device',
  X: 'device',
  '^': 'device',
  _: 'device',
  '\x9d': 'title',
  '\x90': 'device',
  '\x98': 'device',
  '\x9e': 'device',
  '\x9f': 'device',
}

/** Characters of later lines that an open string may hide, more than an image has; then lines show again. */
const MOST_HIDDEN = 256 * 1024

/** Returns the cleaned line. `line` has no line feed and stands alone. */
export function cleanLine(line: string): string {
  return SUSPECT.test(line) ? new Cleaner().clean(line, false) : line
}

/** Returns the cleaned lines of one text, each without its line feed. */
export function cleanLines(lines: readonly string[]): string[] {
  const cleaner = new Cleaner()
  // A string without an end must not hide the rest, so the last line that can end one is found first.
  const last = lines.findLastIndex((line) => line.search(ENDS_STRING) !== -1)
  return lines.map((line, i) => (cleaner.open || SUSPECT.test(line) ? cleaner.clean(line, i < last) : line))
}

class Cleaner {
  #string: 'title' | 'device' | undefined
  #hidden = 0
  #line = ''
  #at = 0
  #cells = new LineCells()

  get open(): boolean {
    return this.#string !== undefined
  }

  /** Returns the cleaned line. `more`: true if a later line may end a string that this one opens. */
  clean(line: string, more: boolean): string {
    this.#line = line
    this.#at = 0
    this.#cells = new LineCells()
    while (this.#at < line.length) {
      if (this.#string === undefined) this.#next()
      else this.#skipString()
    }
    if (!more || this.#hidden > MOST_HIDDEN) this.#string = undefined
    return this.#cells.toString()
  }

  #next(): void {
    const plain = this.#take(PLAIN)?.[0]
    if (plain !== undefined) for (const character of plain) this.#cells.write(character)
    const control = this.#line[this.#at++]
    if (control === '\x1b') this.#escape()
    else if (control === '\x9b') this.#control()
    else if (control === '\r') this.#cells.return()
    else if (control === '\b') this.#cells.back()
    else if (control === '\t') this.#cells.tab()
    else if (control !== undefined && control in OPENS && control > '\x7f') this.#opens(control)
  }

  #escape(): void {
    const next = this.#line[this.#at] ?? ''
    if (next === '[') {
      this.#at++
      this.#control()
    } else if (next in OPENS && next < '\x7f') {
      this.#at++
      this.#opens(next)
    } else this.#take(SHORT)
  }

  #control(): void {
    const [, parameters = '', between = '', final = ''] = this.#take(CONTROL) ?? []
    const [first = ''] = parameters.split(';', 1)
    if (between === '' && /^\d*$/.test(first)) this.#cells.control(final, first === '' ? undefined : Number(first))
  }

  #opens(by: string): void {
    this.#string = OPENS[by]
    this.#hidden = 0
  }

  /** Skips to the end of the string. BEL ends only a title; an escape that is no terminator begins another sequence. */
  #skipString(): void {
    ENDS_STRING.lastIndex = this.#at
    const found = ENDS_STRING.exec(this.#line)
    const end = found?.index ?? this.#line.length
    this.#hidden += end - this.#at
    this.#at = end
    if (found === null) return
    this.#at++
    const [by] = found
    if (by === '\x07' && this.#string !== 'title') return
    this.#string = undefined
    if (by === '\x1b' && this.#line[this.#at] === '\\') this.#at++
    else if (by === '\x1b') this.#escape()
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#line)
    if (found === null) return undefined
    this.#at += found[0].length
    return found
  }
}

/** Cells beyond its text to which the cursor of a line may move: wider than any window. */
const WIDEST = 1024
/** Cells that edits of one line may move or clear; later edits are ignored. */
const MOST_WORK = 4_000_000
const TAB = 8

/**
 * One line of a terminal as cells: a character goes to the cursor, over the old one. Only controls that move or edit
 * within the line count. The work of edits is bounded, so that no input takes more than a moment. Pure.
 */
class LineCells {
  #cells: string[] = []
  #at = 0
  #work = 0

  write(character: string): void {
    while (this.#cells.length < this.#at) this.#cells.push(' ')
    this.#cells[this.#at++] = character
  }

  /** Writes a tab at the end of the text, where it is shorter than spaces; before the end, moves the cursor. */
  tab(): void {
    if (this.#at >= this.#cells.length) this.write('\t')
    else this.#moveTo((Math.floor(this.#at / TAB) + 1) * TAB)
  }

  return(): void {
    this.#at = 0
  }

  back(): void {
    this.#moveTo(this.#at - 1)
  }

  /** Runs a control sequence by its final character; `count` is its parameter, undefined if it has none. */
  control(final: string, count: number | undefined): void {
    const some = Math.max(count ?? 1, 1)
    switch (final) {
      case 'C':
        return this.#moveTo(this.#at + some)
      case 'D':
        return this.#moveTo(this.#at - some)
      case 'G':
      case '`':
        return this.#moveTo(some - 1)
      case 'K':
        return this.#erase(count ?? 0)
      case 'P':
        if (this.#affords(this.#cells.length - this.#at)) this.#cells.splice(this.#at, some)
        return
      case '@':
        return this.#insert(Math.min(some, WIDEST))
      case 'X':
        return this.#clear(this.#at, Math.min(this.#at + some, this.#cells.length))
    }
  }

  toString(): string {
    return this.#cells.join('')
  }

  #moveTo(column: number): void {
    this.#at = Math.max(0, Math.min(column, Math.max(this.#cells.length, WIDEST)))
  }

  #erase(which: number): void {
    if (which === 0) this.#cells.length = Math.min(this.#cells.length, this.#at)
    else if (which === 1) this.#clear(0, Math.min(this.#at + 1, this.#cells.length))
    else if (which === 2) this.#cells = []
  }

  #insert(count: number): void {
    if (this.#at >= this.#cells.length || !this.#affords(this.#cells.length - this.#at + count)) return
    this.#cells.splice(this.#at, 0, ...Array.from({ length: count }, () => ' '))
  }

  #clear(from: number, to: number): void {
    if (to > from && this.#affords(to - from)) this.#cells.fill(' ', from, to)
  }

  #affords(cells: number): boolean {
    this.#work += Math.max(cells, 1)
    return this.#work <= MOST_WORK
  }
}
