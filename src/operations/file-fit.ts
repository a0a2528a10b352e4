// Fits a file whose content is too long for one message: it is read again with max_bytes, as whole lines, and the
// answer says where it goes on. The rest of a line that is longer than that is read by a command.

import type { Fields, Fit } from '../operation.ts'
import { askedCount, bytesIn, countIn, isSet, textIn } from './fit-fields.ts'

/** The least value of max_bytes. */
const LEAST = 16

export const readFit: Fit = {
  less(came, asked, share) {
    const exact = came['encoding'] === 'base64'
    const bytes = exact ? Math.floor((bytesIn(came, 'content') * 3) / 4) : bytesIn(came, 'content')
    const max_bytes = Math.floor(Math.min(bytes, askedCount(asked, 'max_bytes') ?? Infinity) * share)
    if (max_bytes < LEAST) return undefined
    // An image is whole or left out, unless its bytes are asked for.
    return exact ? { max_bytes, encoding: 'base64' } : { max_bytes }
  },
  marks(short, asked) {
    const path = textIn(short, 'path')
    const first = countIn(short, 'start_line') ?? 1
    if (short['line_cut'] === true) {
      // A command is text: it cannot name a path that is not UTF-8.
      if (short['path_base64'] !== undefined) return { content_truncated: true }
      const shown = leastBytes(short, isSet(asked['with_line_numbers']) ? `${first}\t` : '')
      const script = `tail -n +${first} -- "$1" | tail -c +${shown + 1}`
      const command = ['sh', '-c', script, 'sh', path]
      return { content_truncated: true, next: { tool: 'exec_run', arguments: { command } } }
    }
    const next = countIn(short, 'next_line')
    const last = askedCount(asked, 'end_line')
    if (next === undefined || (last !== undefined && next > last)) return {}
    return { content_truncated: true, next: { tool: 'file_read', arguments: { ...asked, start_line: next } } }
  },
}

/**
 * Returns the bytes of the file in what is shown of a line: without the number before it, and with one byte for each
 * character that stands for what was not UTF-8. Never more than there are, so that the rest begins with what is shown
 * or hides nothing.
 */
function leastBytes(short: Fields, number: string): number {
  const content = textIn(short, 'content')
  if (short['encoding'] === 'base64') return Buffer.from(content, 'base64').byteLength
  const bytes = Buffer.byteLength(content) - number.length
  return short['lossy'] === true ? bytes - 2 * (content.split('\ufffd').length - 1) : bytes
}
