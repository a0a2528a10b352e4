// Cuts a body of any form to a number of bytes of JSON: its longest parts lose their ends, and it says so. Pure.

import { fittingItems, headOf, jsonBytes } from '../../../base/json-size.ts'

type Fields = Readonly<Record<string, unknown>>

/** Bytes for the marks that name the cut parts. */
const MARKS = 200
/** Bytes of a part that stays uncut. */
const SMALL = 64

/** Returns the body, cut to `room`; `truncated`, `left_out` (items of lists) and `<field>_truncated` name the loss. */
export function cutAnything(body: Fields, room: number): Fields {
  const loss = { items: 0 }
  const short = cutFields(body, room - MARKS, loss)
  if (short === body) return body
  const before = body['left_out']
  const left = loss.items + (typeof before === 'number' ? before : 0)
  return { ...short, truncated: true, ...(left > 0 && { left_out: left }) }
}

interface Loss {
  items: number
}

/** Cuts the longest field first, as far as needed, then the next one. */
function cutFields(fields: Fields, room: number, loss: Loss): Fields {
  let over = jsonBytes(fields) - room
  if (over <= 0) return fields
  const short: Record<string, unknown> = { ...fields }
  const bySize = Object.entries(fields)
    .map(([name, value]) => ({ name, value, bytes: jsonBytes(value) }))
    .filter(({ value, bytes }) => bytes > SMALL && (typeof value === 'string' || typeof value === 'object'))
    .toSorted((a, b) => b.bytes - a.bytes)
  for (const { name, value, bytes } of bySize) {
    if (over <= 0) break
    const kept = cutValue(value, Math.max(bytes - over, SMALL), loss)
    over -= bytes - jsonBytes(kept)
    short[name] = kept
    if (typeof value !== 'string') continue
    short[`${name}_truncated`] = true
    over += name.length + 18
  }
  return short
}

function cutValue(value: unknown, room: number, loss: Loss): unknown {
  if (typeof value === 'string') return headOf(value, room)
  if (Array.isArray(value)) return cutItems(value, room, loss)
  return typeof value === 'object' && value !== null ? cutFields(value as Fields, room, loss) : value
}

function cutItems(items: readonly unknown[], room: number, loss: Loss): readonly unknown[] {
  const count = fittingItems(items, room)
  const first = items[0]
  if (count > 0 || first === undefined) {
    loss.items += items.length - count
    return items.slice(0, count)
  }
  loss.items += items.length - 1
  return [cutValue(first, room - 2, loss)]
}
