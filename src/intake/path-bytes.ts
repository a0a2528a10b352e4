// Carries paths whose names are not UTF-8. JSON and queries carry text alone, so a client sends the path's bytes in
// base64, in a second field beside the path field, and gets them in the same form. Inside the daemon such a path is
// text that holds bytes (base/bytes-text.ts). Pure.

import { shownText, bytesOfText, textOfBytes } from '../base/bytes-text.ts'
import { refuse } from '../base/fault.ts'
import { asText, readItems } from './field-reading.ts'
import type { Kind } from '../schema.ts'

const ENDING = '_base64'

const ACCEPTED = 'accepted is base64 of the bytes of one path'

/** Returns the paths that came as bytes, by the path field. Throws if both fields came, or if one is no base64. */
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

/** Decodes both alphabets, padded or not. Any other character is refused, since a shorter path is another path. */
function decoded(name: string, came: unknown): string {
  const digits = typeof came === 'string' ? /^([A-Za-z0-9+/_-]*)={0,2}$/.exec(came)?.[1] : undefined
  if (digits === undefined) throw refuse(name, `${name} has what base64 has not; ${ACCEPTED}`, came)
  const bytes = Buffer.from(digits, 'base64')
  const whole = bytes.toString('base64url') === digits.replaceAll('+', '-').replaceAll('/', '_')
  if (!whole) throw refuse(name, `${name} is cut: its last characters are no whole byte; ${ACCEPTED}`, came)
  return textOfBytes(bytes)
}

/** Fields of an answer that get a field of bytes if their text is not UTF-8. */
const TOLD = ['path', 'to', 'name', 'symlink_target'] as const

/** Returns the answer as it may leave: each text has whole characters only, and the bytes of paths stand beside it. */
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

/** True if the answer may leave unchanged. Runs for every answer, so it allocates nothing. */
function isWhole(answer: object): boolean {
  for (const name in answer) {
    const value: unknown = answer[name as keyof typeof answer]
    if (typeof value === 'string' && !value.isWellFormed()) return false
  }
  return true
}
