// What a terminal printed, in parts that fit into one message: fewer bytes are asked for, from the same offset or of the
// same end, and the call for what is left out is named.

import type { Fit } from '../operation.ts'
import { askedCount, countIn, textIn } from './fit-fields.ts'

export const scrollbackFit: Fit = {
  less(came, asked, share) {
    const size = Math.min(countIn(came, 'size') ?? 0, askedCount(asked, 'bytes') || Infinity)
    const bytes = Math.floor(size * share)
    return bytes < 4 ? undefined : { bytes, wait_seconds: 0 } // what was waited for has come
  },
  marks(short, asked, came) {
    const forward = asked['from'] !== undefined && asked['from'] !== null
    // The end was asked for: what is left out lies before it.
    const from = countIn(forward ? short : came, forward ? 'next' : 'from') ?? 0
    const text = short['encoding'] === 'text'
    const life = textIn(short, 'life')
    const args = { ...(text && { text }), id: asked['id'] ?? asked['terminal_id'], from, ...(life !== '' && { life }) }
    return textIn(short, 'scrollback') === textIn(came, 'scrollback')
      ? {}
      : { scrollback_truncated: true, next_call: { tool: 'terminal_scrollback', arguments: args } }
  },
}
