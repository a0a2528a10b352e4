// SHA-256 of content that is in memory already, where that is short enough for the main thread; anything
// else is hashed in another one.

import { createHash } from 'node:crypto'

/** About 0.2 ms without hardware support. */
const HASH_HERE_BYTES = 64 * 1024

/** In hexadecimal; undefined where `bytes` are too many to be hashed here. */
export function hashHere(bytes: Uint8Array): string | undefined {
  return bytes.byteLength > HASH_HERE_BYTES ? undefined : createHash('sha256').update(bytes).digest('hex')
}
