// An operation's answer as plain values, for code that reads them: parts that a worker rendered are parsed. Only for
// answers that are short, or that must be cut. Pure.

import { JsonText } from '../../../base/json-text.ts'
import type { Fields } from '../../../operation.ts'

/** Returns the body with parsed values in place of the parts that a worker rendered. */
export function plainBody(body: object): Fields {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, plainValue(value)]))
}

function plainValue(value: unknown): unknown {
  return value instanceof JsonText ? (JSON.parse(Buffer.concat(value.chunks).toString('utf8')) as unknown) : value
}
