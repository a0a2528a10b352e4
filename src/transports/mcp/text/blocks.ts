// blocksResult(blocks, call): turns content blocks into a tool result. A block is sent unchanged, so an image stays an
// image. Long text loses its end, a block that cannot be cut is named instead, and structured content stays if the
// whole fits. The format `text` bounds the text and leaves structured content out. Pure.

import { jsonBytes } from '../../../base/json-size.ts'
import type { Blocks, ContentBlock, Fields } from '../../../operation.ts'
import type { Budget } from '../protocol/budget.ts'
import { cutAt, grouped, RESULT_CHARACTERS } from './view.ts'

export interface BlocksResult {
  readonly content: readonly ContentBlock[]
  readonly structuredContent?: Fields
  readonly isError?: true
}

export interface BlocksCall {
  readonly format: 'json' | 'text'
  /** True if the caller takes structured content. */
  readonly structured: boolean
  readonly budget: Budget
}

/** Bytes for the names of the fields, an id, the marks of parts that are left out, and escapes. */
const ENVELOPE = 4096

export function blocksResult(answer: Blocks, { format, structured, budget }: BlocksCall): BlocksResult {
  const most = format === 'text' ? Math.min(budget.text, RESULT_CHARACTERS) : budget.text
  let room = budget.message - ENVELOPE
  const content: ContentBlock[] = []
  for (const [i, block] of answer.content.entries()) {
    if (isEmpty(block)) continue // the APIs of some models refuse empty text
    const fitting = fit(block, Math.min(most, room), room)
    const bytes = jsonBytes(fitting)
    if (bytes > room) {
      content.push(
        text(`[${grouped(answer.content.length - i)} more parts of the answer are left out, see max_result_bytes]`),
      )
      room = 0
      break
    }
    content.push(fitting)
    room -= bytes
  }
  const { structured: value, failed } = answer
  const whole = format === 'json' && structured && value !== undefined && jsonBytes(value) <= room
  return { content, ...(whole && { structuredContent: value }), ...(failed && { isError: true }) }
}

const text = (words: string): ContentBlock => ({ type: 'text', text: words })

function isEmpty(block: ContentBlock): boolean {
  return block.type === 'text' && (block['text'] === '' || typeof block['text'] !== 'string')
}

/** Returns the block in at most about `most` bytes if it is text, else in at most `room` bytes. */
function fit(block: ContentBlock, most: number, room: number): ContentBlock {
  const words = block['text']
  if (block.type !== 'text' || typeof words !== 'string') {
    const bytes = jsonBytes(block)
    if (bytes <= room) return block
    return text(
      `[a part of the type ${block.type} with ${grouped(bytes)} bytes is too large for one result, see max_result_bytes]`,
    )
  }
  if (jsonBytes(words) <= most) return block
  // Escapes lengthen text by a factor that differs from place to place, so the loop cuts until it fits.
  let end = Math.min(words.length, most)
  while (end > 0 && jsonBytes(words.slice(0, end)) > most) end = Math.floor(end * 0.8)
  return {
    ...block,
    text: `${cutAt(words, end)}\n[cut: ${grouped(words.length - end)} of ${grouped(words.length)} characters]`,
  }
}
