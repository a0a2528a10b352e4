// Makes contents from their names alone, so that driver and checker agree on every byte without passing any: contents
// of files, records of logs, and numbered lines of commands and terminals.

import { createHash } from 'node:crypto'
import type { Segment } from './history.ts'

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')

/** Returns the content of one write: no two writes share a line. */
export function fileContent(tag: string, bytes: number): string {
  const line = `${tag} of ${bytes} bytes\n`
  return line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes)
}

/** Returns one record of a log; the text between `<` and `>` has neither. */
export function logRecord(client: string, number: number, bytes: number): string {
  const head = `<${client} ${number} ${bytes} `
  return `${head}${'.'.repeat(Math.max(0, bytes - head.length - 2))}>\n`
}

/** Characters of a tag; a number has eight, so the place of a line is known from its number. */
const TAG = 7
const DIGITS = 8

export function tagOf(kind: string, number: number): string {
  return `${kind}${String(number).padStart(TAG - 1, '0')}`
}

/** End of a line: LF on stdout and stderr, CR LF on terminals. */
export type Ending = '\n' | '\r\n'

export const lengthOf = (lines: number, ending: Ending): number => lines * (TAG + 1 + DIGITS + ending.length)

/** Returns the bytes from `from` of the output of `lines` numbered lines. */
export function outputPart(
  tag: string,
  { from, bytes, ending }: { from: number; bytes: number; ending: Ending },
): string {
  const width = lengthOf(1, ending)
  const first = Math.floor(from / width)
  const last = Math.ceil((from + bytes) / width)
  let text = ''
  for (let line = first; line < last; line++) text += `${tag} ${String(line + 1).padStart(DIGITS, '0')}${ending}`
  return text.slice(from - first * width, from - first * width + bytes)
}

/** Returns a shell command that prints lines `first` to `last`. */
export const printing = (tag: string, first: number, last: number): string =>
  `seq -f '${tag} %0${DIGITS}.0f' ${first} ${last}`

/** Puts together the pieces of a stream, without keeping them. */
export class Segments {
  readonly #done: Segment[] = []
  #from = 0
  #bytes = 0
  #hash = createHash('sha256')

  /** Offset of the next byte. */
  get position(): number {
    return this.#from + this.#bytes
  }

  add(piece: Uint8Array): void {
    this.#hash.update(piece)
    this.#bytes += piece.byteLength
  }

  /** Moves to `position`, where the next piece begins. */
  moveTo(position: number): void {
    if (position === this.position) return
    this.#close()
    this.#from = position
  }

  /** Returns all segments; no piece may be added afterwards. */
  end(): Segment[] {
    this.#close()
    return this.#done
  }

  #close(): void {
    if (this.#bytes > 0) this.#done.push({ from: this.#from, bytes: this.#bytes, sha256: this.#hash.digest('hex') })
    this.#from = this.position
    this.#bytes = 0
    this.#hash = createHash('sha256')
  }
}
