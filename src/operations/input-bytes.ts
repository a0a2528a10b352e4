// Bytes for a program, as an operation is given them: a field of text or base64, or the body of the request.

import { Fault } from '../base/fault.ts'

export function inputBytes(input: string | Uint8Array, base64: boolean): Uint8Array {
  if (!base64) return typeof input === 'string' ? Buffer.from(input) : input
  const coded = (typeof input === 'string' ? input : Buffer.from(input).toString('latin1')).replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(coded)) {
    throw new Fault('bad_request', 'input is not base64, which base64 true announces', { details: { field: 'input' } })
  }
  return Buffer.from(coded, 'base64')
}

/** The whole body; throws payload_too_large above `limit`. */
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
