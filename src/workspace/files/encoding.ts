// File content as it travels in JSON (protocol.md#files-read, protocol.md#files-write): text, with U+FFFD for what is
// not UTF-8, or base64. Out of a file short content becomes a string; long content becomes finished JSON text in
// slices, because turning 10 MiB into a string and that into JSON would hold the loop for up to half a second. Into a
// file base64 is checked strictly before anything is written, and long base64 is decoded in slices, in the memory it
// came in.

import { isUtf8 } from 'node:buffer'
import { jsonInside, JsonText } from '../../base/json-text.ts'
import { takeTurns } from '../../base/waiting.ts'
import { refuse, type Fault } from '../../base/fault.ts'

/** Bytes rendered in one step; a multiple of 3, so that base64 slices join. At worst (control characters) 6 ms. */
const SLICE_BYTES = 96 * 1024

/** Resolves with the text, and whether bytes had to be replaced. */
export async function asText(bytes: Uint8Array): Promise<{ content: string | JsonText<string>; lossy: boolean }> {
  const lossy = !isUtf8(bytes)
  if (bytes.byteLength <= SLICE_BYTES) return { content: view(bytes).toString('utf8'), lossy }
  const render = (slice: Buffer): string => jsonInside(slice.toString('utf8'))
  return { content: await inSlices(view(bytes), render, characterStart), lossy }
}

export async function asBase64(bytes: Uint8Array): Promise<string | JsonText<string>> {
  if (bytes.byteLength <= SLICE_BYTES) return view(bytes).toString('base64')
  return await inSlices(
    view(bytes),
    (slice) => slice.toString('base64'),
    (_, at) => at,
  )
}

async function inSlices(
  bytes: Buffer,
  render: (slice: Buffer) => string,
  cut: (bytes: Buffer, at: number) => number,
): Promise<JsonText<string>> {
  const turn = takeTurns()
  const chunks: Uint8Array[] = [Buffer.from('"')]
  for (let from = 0; from < bytes.byteLength;) {
    const to = Math.min(cut(bytes, from + SLICE_BYTES), bytes.byteLength)
    chunks.push(Buffer.from(render(bytes.subarray(from, to))))
    from = to
    await turn()
  }
  chunks.push(Buffer.from('"'))
  return new JsonText<string>(chunks)
}

/** Returns the last position up to `at` where cutting splits no character: at most three bytes continue one. */
function characterStart(bytes: Uint8Array, at: number): number {
  if (at >= bytes.byteLength) return bytes.byteLength
  for (let back = 0; back < 4; back++) if (((bytes[at - back] ?? 0) & 0xc0) !== 0x80) return at - back
  return at
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export type Encoding = 'utf8' | 'base64'

/** Characters of base64 decoded in one step; a multiple of 4. About 1 ms with the check. */
const SLICE = 512 * 1024

/**
 * Resolves with the bytes that `content` means. Bytes that are given belong to this function: base64 is decoded in
 * place. Throws `bad_request` for base64 that is not canonical.
 */
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
    // Node's decoder skips what it does not know; canonical base64 comes back the same.
    if (decoded.toString('base64') !== text || (text.endsWith('=') && at + SLICE < bytes.byteLength)) {
      throw broken(`it is not canonical between characters ${at} and ${at + text.length}`)
    }
    end += decoded.copy(bytes, end)
    await turn()
  }
  return bytes.subarray(0, end)
}

function broken(reason: string): Fault {
  return refuse(
    'content',
    `content is not base64 as encoding says: ${reason}; accepted are A–Z, a–z, 0–9, + and / with padding, without line breaks`,
  )
}
