// The bytes of a write request: text as UTF-8, or base64 that is checked strictly before anything is
// written (protocol.md#files-write). Long base64 is decoded in slices, in the memory it came in.

import { Fault } from '../../base/fault.ts'
import { takeTurns } from '../../base/waiting.ts'

export type Encoding = 'utf8' | 'base64'

/** Characters decoded in one step; a multiple of 4. About 1 ms with the check. */
const SLICE = 512 * 1024

/** The bytes that `content` means. Bytes given are ours: base64 is decoded in place. */
export async function contentBytes(content: string | Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  const given = typeof content === 'string' ? Buffer.from(content) : content
  return encoding === 'utf8' ? given : await decodeBase64(given)
}

async function decodeBase64(given: Uint8Array): Promise<Uint8Array> {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
  if (bytes.byteLength % 4 !== 0) {
    throw broken(`its length is ${bytes.byteLength}, which is not a multiple of 4`)
  }
  const turn = takeTurns()
  let end = 0
  for (let at = 0; at < bytes.byteLength; at += SLICE) {
    const text = bytes.toString('latin1', at, Math.min(at + SLICE, bytes.byteLength))
    const decoded = Buffer.from(text, 'base64')
    // Node's decoder skips what it does not know; what is exact comes back the same.
    if (decoded.toString('base64') !== text || (text.endsWith('=') && at + SLICE < bytes.byteLength)) {
      throw broken(`it is not canonical between characters ${at} and ${at + text.length}`)
    }
    end += decoded.copy(bytes, end)
    await turn()
  }
  return bytes.subarray(0, end)
}

function broken(reason: string): Fault {
  return new Fault(
    'bad_request',
    `content is not base64 as encoding says: ${reason}; accepted are A–Z, a–z, 0–9, + and / with padding, without line breaks`,
    { details: { field: 'content' } },
  )
}
