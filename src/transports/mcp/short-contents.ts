// The contents of a resource in one message: a text, or base64, that is too long loses its end and says so in `_meta`,
// with the call that reads on. A text ends with a whole line where it has one. Pure.

import { headOf } from '../../base/json-size.ts'
import type { Fields } from '../../operation.ts'
import { excess, type Budget } from './budget.ts'
import { plainBody } from './plain-body.ts'
import { FACTS_KEY } from './tool-result.ts'

const SHARE = 0.85

export async function shortContents(
  came: Fields,
  budget: Budget,
  more: (text: string) => object | undefined,
): Promise<Fields> {
  if ((await excess(came, budget, false)) <= 1) return came
  const plain = plainBody(came)
  const field = typeof plain['text'] === 'string' ? 'text' : 'blob'
  const whole = String(plain[field])
  const head = headOf(whole, Math.floor(Math.min(budget.text, budget.message) * SHARE))
  const line = head.lastIndexOf('\n') + 1
  const kept = field === 'blob' ? head.slice(0, head.length - (head.length % 4)) : line > 0 ? head.slice(0, line) : head
  const next = field === 'text' ? more(kept) : undefined
  const facts = { truncated: true, shown: kept.length, characters: whole.length, ...(next && { next }) }
  return { ...plain, [field]: kept, _meta: { [FACTS_KEY]: facts } }
}
