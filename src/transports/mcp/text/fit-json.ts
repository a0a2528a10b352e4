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
  const { kept, left } = cutList(longest.items, RESULT_CHARACTERS - MARKS - rest)
  const cut = { ...body, [longest.name]: kept, truncated: true, left_out: (countOf(body, 'left_out') ?? 0) + left }
  return left === 0 ? cut : fitJson(cut)
}

/** The first items that fit; of one that does not, a directory of a tree, the first of its children. */
function cutList(items: readonly unknown[], room: number): { kept: unknown[]; left: number } {
  const kept: unknown[] = []
  let free = room
  for (const [i, item] of items.entries()) {
    const length = JSON.stringify(item).length + 1
    if (length > free) {
      const partly = partOf(item, free)
      if (partly !== undefined) kept.push(partly.item)
      const more = partly === undefined ? countAll([item]) : partly.left
      return { kept, left: more + countAll(items.slice(i + 1)) }
    }
    kept.push(item)
    free -= length
  }
  return { kept, left: 0 }
}

function partOf(item: unknown, room: number): { item: object; left: number } | undefined {
  if (!hasChildren(item)) return undefined
  const free = room - JSON.stringify({ ...item, children: [] }).length - 1
  if (free < 0) return undefined
  const { kept, left } = cutList(item.children, free)
  return { item: { ...item, children: kept }, left }
}

function hasChildren(item: unknown): item is { readonly children: readonly unknown[] } {
  return typeof item === 'object' && item !== null && 'children' in item && Array.isArray(item.children)
}

function countAll(items: readonly unknown[]): number {
  return items.reduce<number>((sum, item) => sum + 1 + (hasChildren(item) ? countAll(item.children) : 0), 0)
}
