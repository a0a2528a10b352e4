// The bytes of a file as they travel in JSON: text with U+FFFD where it is not UTF-8, or base64
// (protocol.md#files-read). Short ones are strings; long ones become finished JSON text in slices, because turning 10
// MiB into a string and that into JSON would hold the loop for up to half a second.

import { isUtf8 } from 'node:buffer'
import { jsonInside, JsonText } from '../../base/json-text.ts'
import { takeTurns } from '../../base/waiting.ts'

/** Bytes rendered in one step; a multiple of 3, so that base64 slices join. At worst (control characters) 6 ms. */
const SLICE_BYTES = 96 * 1024

/** Text, and whether bytes had to be replaced. */
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

/** The last position up to `at` where cutting changes no character: at most three bytes continue one. */
function characterStart(bytes: Uint8Array, at: number): number {
  if (at >= bytes.byteLength) return bytes.byteLength
  for (let back = 0; back < 4; back++) if (((bytes[at - back] ?? 0) & 0xc0) !== 0x80) return at - back
  return at
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
