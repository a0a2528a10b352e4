// Bytes for the stdin of a command or for a terminal, as an operation gets them: a field of text or base64, or the body
// of the request.

import { Fault, refuse } from '../base/fault.ts'

/** Returns the bytes of a field. Throws `bad_request` if it is to be base64 and is not. */
export function inputBytes(input: string | Uint8Array, base64: boolean): Uint8Array {
  if (!base64) return typeof input === 'string' ? Buffer.from(input) : input
  const coded = (typeof input === 'string' ? input : Buffer.from(input).toString('latin1')).replace(/\s/g, '')
  const problem = base64Problem(coded)
  if (problem !== undefined) throw refuse('input', `input ${problem}; accepted is base64 where base64 is true`)
  return Buffer.from(coded, 'base64')
}

/** Accepts both alphabets, with padding or without. A text that was cut short ends in a group of one character. */
function base64Problem(coded: string): string | undefined {
  const digits = /^([A-Za-z0-9+/_-]*)={0,2}$/.exec(coded)?.[1]
  if (digits === undefined) return 'has characters that base64 has not'
  return digits.length % 4 === 1 ? `ends in a group of one character, after ${digits.length - 1} others` : undefined
}

/** Returns the whole body. Throws `payload_too_large` above `limit` bytes. */
export async function bodyBytes(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > limit) throw tooLong('the body', limit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function tooLong(what: string, limit: number): Fault {
  return new Fault('payload_too_large', `${what} has more than ${limit} bytes, the most that is taken at once`, {
    details: { limit },
  })
}
