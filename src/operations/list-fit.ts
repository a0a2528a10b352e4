// A listing that is too long for one message is made anew with fewer entries: a list loses its end, a tree what is
// deepest. The call that is named reads the list on; a tree, whose gaps are in many places, is read on as one list.

import type { Fields, Fit } from '../operation.ts'
import { askedCount, bytesIn, countIn, goingOn, isSet, textIn } from './fit-fields.ts'

export const listFit: Fit = {
  less(came, asked, share) {
    const contents = isSet(asked['include_content'])
    const budget = Math.min(bytesIn(came, 'entries'), askedCount(asked, 'max_content_budget') ?? Infinity)
    // Contents give first: an entry without its content still says what there is.
    if (contents && budget * share >= 1024) return { max_content_budget: Math.floor(budget * share * share) }
    const max_entries = Math.floor((countIn(came, 'count') ?? 0) * share)
    if (max_entries < 1) return undefined
    return { max_entries, ...(contents && { max_content_budget: 0 }) }
  },
  marks(short, asked) {
    return goesOn(short, asked)
  },
  rest: (came, asked) => goesOn(came, asked),
}

function goesOn(shown: Fields, asked: Fields): Fields {
  if (shown['truncated'] !== true) return {}
  return { next: { tool: 'file_list', arguments: nextList(shown, asked) } }
}

/**
 * The arguments of the listing that goes on where `short` was cut. Many directories of a tree are cut at once, each marked
 * `truncated`; a call for one of them would not lead to the others, so the whole is told as a list, which has an order.
 */
function nextList(short: Fields, asked: Fields): Fields {
  const path = goingOn(asked, textIn(short, 'path'))
  if (isSet(asked['nested']) && !isSet(asked['flatten'])) return { ...asked, ...path, flatten: true, offset: 0 }
  return { ...asked, ...path, offset: (askedCount(asked, 'offset') ?? 0) + (countIn(short, 'count') ?? 0) }
}
