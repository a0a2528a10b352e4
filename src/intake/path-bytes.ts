// Paths whose names are not UTF-8: JSON and queries carry text alone, so a caller sends such a path as base64 of its
// bytes, in a field of its own beside the path field, and is told it in the same form. Between the two it is text that
// holds bytes (base/bytes-text.ts). Pure.

import { shownText, bytesOfText, textOfBytes } from '../base/bytes-text.ts'
import { refuse } from '../base/fault.ts'
import { asText, readItems } from './field-reading.ts'
import type { Kind } from '../schema.ts'

const ENDING = '_base64'

const ACCEPTED = 'accepted is base64 of the bytes of one path'

/** The paths that came as bytes, by the name of the path field. Throws where both fields came, or what is no base64. */
export function readPathBytes(
  fields: Readonly<Record<string, { readonly kind?: Kind }>>,
  given: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, string | readonly string[]> {
  const paths = new Map<string, string | readonly string[]>()
  for (const [name, came] of given) {
    if (fields[name]?.kind !== 'path_bytes') continue
    const path = name.slice(0, -ENDING.length)
    if (given.has(path)) throw refuse(name, `${path} and ${name} are both given; accepted is one of them`, came)
    const coded = asText(came)
    const several = fields[path]?.kind === 'paths'
    paths.set(path, several ? readItems(coded).map((one) => decoded(name, one)) : decoded(name, coded))
  }
  return paths
}

/** Both alphabets, with padding or without; nothing else is passed over, since a path that is cut is another one. */
function decoded(name: string, came: unknown): string {
  const digits = typeof came === 'string' ? /^([A-Za-z0-9+/_-]*)={0,2}$/.exec(came)?.[1] : undefined
  if (digits === undefined) throw refuse(name, `${name} has what base64 has not; ${ACCEPTED}`, came)
  const bytes = Buffer.from(digits, 'base64')
  const whole = bytes.toString('base64url') === digits.replaceAll('+', '-').replaceAll('/', '_')
  if (!whole) throw refuse(name, `${name} is cut: its last characters are no whole byte; ${ACCEPTED}`, came)
  return textOfBytes(bytes)
}

/** Fields of an answer whose bytes are told where their text cannot have them. */
const TOLD = ['path', 'to', 'name', 'symlink_target'] as const

/** The answer as it may leave: each text is whole characters, and the bytes of paths stand beside it. */
export function tellPathBytes(answer: object): object {
  if (isWhole(answer)) return answer
  const halves = Object.entries(answer).filter(([, value]) => typeof value === 'string' && !value.isWellFormed())
  const told: Record<string, unknown> = { ...answer }
  for (const [name, value] of halves as [string, string][]) {
    told[name] = shownText(value)
    if ((TOLD as readonly string[]).includes(name)) told[`${name}${ENDING}`] = bytesOfText(value).toString('base64')
    if (name === 'name') told['lossy_name'] = true
  }
  return told
}

/** Asked of each answer there is: nothing is made for it. */
function isWhole(answer: object): boolean {
  for (const name in answer) {
    const value: unknown = answer[name as keyof typeof answer]
    if (typeof value === 'string' && !value.isWellFormed()) return false
  }
  return true
}
