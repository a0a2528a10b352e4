// The tree of figure 10: 10,000 small files of source text, and eight large ones, alternately noise, as media and
// packages are, and text. Together 1 GiB, the same bytes in every run.

import { createCipheriv } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const SMALL_FILES = 10_000
const SMALL_BYTES = 4000
const LARGE_FILES = 8
/** Bytes of a block: far more than the window of gzip and of zstd's level 3, which so cannot notice its repetition. */
const BLOCK_BYTES = 16 * 1024 ** 2
const WORDS =
  'const await return export import path bytes value length string number promise of the and to is a in'.split(' ')

/** Makes the tree, of `bytes` in all, or a little less. */
export function makeArchiveTree(path: string, bytes: number): number {
  const noise = noiseOf(BLOCK_BYTES)
  const text = textOf(noise)
  const small = Math.min(SMALL_FILES, Math.floor(bytes / 4 / SMALL_BYTES))
  for (let i = 0; i < small; i++) {
    const directory = join(path, `package${i % 100}`, 'src')
    if (i < 100) mkdirSync(directory, { recursive: true })
    const from = (i * 1009) % (BLOCK_BYTES - SMALL_BYTES)
    writeFileSync(join(directory, `module${i}.js`), text.subarray(from, from + SMALL_BYTES))
  }
  const each = Math.floor((bytes - small * SMALL_BYTES) / LARGE_FILES)
  for (let i = 0; i < LARGE_FILES; i++) writeLarge(join(path, `large${i}`), each, i % 2 === 0 ? noise : text)
  return small + LARGE_FILES
}

function writeLarge(path: string, bytes: number, block: Buffer): void {
  const fd = openSync(path, 'wx')
  for (let left = bytes; left > 0; left -= block.length) writeSync(fd, block, 0, Math.min(left, block.length))
  closeSync(fd)
}

export function noiseOf(bytes: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16)).update(Buffer.alloc(bytes))
}

/** Returns words in the order that the noise says, with a number now and then; gzip makes about a third of it. */
function textOf(noise: Buffer): Buffer {
  const text = Buffer.alloc(noise.length)
  for (let at = 0, i = 0; at < text.length; i = (i + 1) % noise.length) {
    const byte = noise[i] ?? 0
    at += text.write(byte < 16 ? `${byte * i}\n` : `${WORDS[byte % WORDS.length]} `, at, 'latin1')
  }
  return text
}
