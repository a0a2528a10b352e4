// The ways in which a value fails a foreign JSON Schema, each as a place in the value and a sentence that says what is
// accepted there; and the check of numbers, whose failures are of this kind alone. Pure.

import { quote } from '../base/fault.ts'

export type SchemaObject = Readonly<Record<string, unknown>>

export interface Failure {
  /** Place in the value, such as `filter.tags[2]`; empty for the whole. */
  readonly place: string
  readonly sentence: string
}

export const failed = (place: string, what: string): Failure => ({
  place,
  sentence: `${place === '' ? 'the input' : place.slice(0, 200)} ${what}`,
})

/** Returns a value as a sentence shows it. */
export function told(value: unknown): string {
  if (typeof value === 'string' && value.length > 100) return `a string of ${value.length} characters`
  return quote(value)
}

export function numberFailure(schema: SchemaObject, value: number, place: string): Failure | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema as Readonly<
    Record<string, number | undefined>
  >
  const low = minimum !== undefined && value < minimum
  const high = maximum !== undefined && value > maximum
  if (low || high) return failed(place, `is ${value}; accepted ${outside(value, minimum, maximum) ?? ''}`)
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
    return failed(place, `is ${value}; accepted is what is above ${exclusiveMinimum}`)
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum)
    return failed(place, `is ${value}; accepted is what is below ${exclusiveMaximum}`)
  if (multipleOf === undefined || multipleOf === 0) return undefined
  const times = value / multipleOf
  const whole = Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times)) // decimals are not exact
  return whole ? undefined : failed(place, `is ${value}; accepted is a multiple of ${multipleOf}`)
}

/** Returns the accepted range if `count` is outside it; undefined if it is inside. */
export function outside(count: number, least: unknown, most: unknown): string | undefined {
  if (typeof least === 'number' && count < least) return `is at least ${least}`
  if (typeof most === 'number' && count > most) return `is at most ${most}`
  return undefined
}

export function unknownName(place: string, name: string, known: readonly string[]): Failure {
  const accepted = known.length === 0 ? 'no fields are accepted' : `accepted are ${known.join(', ').slice(0, 500)}`
  return failed(inside(place, name), `is not a field here; ${accepted}`)
}

export const inside = (place: string, name: string): string => (place === '' ? name : `${place}.${name}`).slice(0, 300)

export function sentences(failures: readonly (Failure | undefined)[]): string {
  return failures
    .map((one) => one?.sentence ?? '')
    .join('; ')
    .slice(0, 500)
}
