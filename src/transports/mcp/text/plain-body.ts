// An operation's answer as plain values, for those who look into it: parts that a worker has rendered are parsed. Only
// for answers that are short, or that must be cut. Pure.

import { JsonText } from '../../../base/json-text.ts'
import type { Fields } from '../../../operation.ts'

/** With parts that a worker has rendered as the values they stand for. */
export function plainBody(body: object): Fields {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, plainValue(value)]))
}

function plainValue(value: unknown): unknown {
  return value instanceof JsonText ? (JSON.parse(Buffer.concat(value.chunks).toString('utf8')) as unknown) : value
}
