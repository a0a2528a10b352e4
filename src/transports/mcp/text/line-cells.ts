// One line of a terminal as cells: what is written goes where the cursor is, and over what is there. Only what moves or
// edits within the line counts. The work of edits is bounded, so that no input takes more than a moment. Pure.

/** How far beyond its text the cursor of a line may move: wider than any window. */
const WIDEST = 1024
/** Cells that edits of one line may move or clear; later edits are passed over. */
const MOST_WORK = 4_000_000
const TAB = 8

export class LineCells {
  #cells: string[] = []
  #at = 0
  #work = 0

  write(character: string): void {
    while (this.#cells.length < this.#at) this.#cells.push(' ')
    this.#cells[this.#at++] = character
  }

  /** At the end of the text it stays a tab, which is shorter; before, it moves the cursor. */
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

  /** A control sequence by its final character; `count` is its parameter, undefined where it has none. */
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
