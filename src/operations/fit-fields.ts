// Reads fields of an answer, and of the call that asked for it, to make the answer shorter. Pure.

import { JsonText } from '../base/json-text.ts'
import type { Fields } from '../operation.ts'

export function countIn(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  return typeof value === 'number' ? value : undefined
}

/** Returns a number that was asked for, which may have come as a string. */
export function askedCount(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? Number(value) : countIn(fields, name)
}

export function textIn(fields: Fields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' ? value : ''
}

/** Returns about how many bytes of content a text has, rendered or not. */
export function bytesIn(fields: Fields, name: string): number {
  const value = fields[name]
  if (value instanceof JsonText) return Math.max(0, value.byteLength - 2)
  return typeof value === 'string' ? Buffer.byteLength(value) : 0
}

/** Returns true for a flag that is set; it may have come as a string or a number. */
export function isSet(value: unknown): boolean {
  return value === true || value === 'true' || value === 1 || value === '1'
}

/** Returns the path for the call that goes on, unless it was asked for in bytes, which `asked` has already. */
export function goingOn(asked: Fields, path: string): { readonly path?: string } {
  return typeof asked['path_base64'] === 'string' ? {} : { path }
}
