// A listing that is too long for one message is made anew with fewer entries: a list loses its end, a tree what is
// deepest. The call that is named reads the list on, or lists the first directory that was left out.

import type { Fields, Fit } from '../operation.ts'
import { askedCount, bytesIn, countIn, textIn } from './fit-fields.ts'

export const listFit: Fit = {
  less(came, asked, share) {
    const contents = asked['include_content'] === true || asked['include_content'] === 'true'
    const budget = Math.min(bytesIn(came, 'entries'), askedCount(asked, 'max_content_budget') ?? Infinity)
    // Contents give first: an entry without its content still says what there is.
    if (contents && budget * share >= 1024) return { max_content_budget: Math.floor(budget * share * share) }
    const max_entries = Math.floor((countIn(came, 'count') ?? 0) * share)
    if (max_entries < 1) return undefined
    return { max_entries, ...(contents && { max_content_budget: 0 }) }
  },
  marks(short, asked) {
    if (short['truncated'] !== true) return {}
    return { next: { tool: 'file_list', arguments: nextList(short, asked) } }
  },
}

/** The arguments of the listing that goes on where `short` was cut. */
export function nextList(short: Fields, asked: Fields): Fields {
  const place = textIn(short, 'cut_at')
  if (place !== '' && place !== textIn(short, 'path')) return { ...asked, path: place }
  const { nested: _, ...flat } = asked
  const onward = { ...(place === '' ? asked : flat), path: textIn(short, 'path') }
  return { ...onward, offset: (askedCount(asked, 'offset') ?? 0) + (countIn(short, 'count') ?? 0) }
}
