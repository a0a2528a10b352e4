// Structured results in the format `text` keep their form and stay within its length: the longest list loses
// its end, and the body says so. Pure.

import { RESULT_CHARACTERS } from './limits.ts'
import { countOf, type Body } from './view.ts'

/** For the marks that say what was cut. */
const MARKS = 100

/** The body itself where it is short enough. */
export function fitJson(body: Body): Body {
  if (JSON.stringify(body).length <= RESULT_CHARACTERS) return body
  const lists = Object.entries(body).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]))
  const sized = lists.map(([name, items]) => ({ name, items, length: JSON.stringify(items).length }))
  const longest = sized.sort((a, b) => b.length - a.length)[0]
  if (longest === undefined) return body
  const rest = JSON.stringify({ ...body, [longest.name]: [] }).length
  let room = RESULT_CHARACTERS - MARKS - rest
  const over = longest.items.findIndex((item) => (room -= JSON.stringify(item).length + 1) < 0)
  const kept = over === -1 ? longest.items : longest.items.slice(0, over)
  const left = longest.items.length - kept.length
  const cut = { ...body, [longest.name]: kept, truncated: true, left_out: (countOf(body, 'left_out') ?? 0) + left }
  return left === 0 ? cut : fitJson(cut)
}
