// Bytes that look random and are the same every time (AES in counter mode over zeros). As a program it writes
// them to stdout: `node byte-source.ts <bytes>`.

import { createCipheriv, createHash } from 'node:crypto'
import { writeSync } from 'node:fs'

const BLOCK_BYTES = 64 * 1024

export function* blocks(bytes: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16))
  const zeros = Buffer.alloc(BLOCK_BYTES)
  for (let left = bytes; left > 0; left -= BLOCK_BYTES)
    yield cipher.update(zeros.subarray(0, Math.min(left, BLOCK_BYTES)))
}

/** SHA-256 of them all. */
export function digestOf(bytes: number): string {
  const hash = createHash('sha256')
  for (const block of blocks(bytes)) hash.update(block)
  return hash.digest('hex')
}

if (import.meta.main) {
  for (const block of blocks(Number(process.argv[2]))) {
    for (let at = 0; at < block.length;) at += writeSync(1, block, at)
  }
}
