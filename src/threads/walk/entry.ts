// An entry of a listing as JSON text (protocol.md#files), and the text that a walk has made so far. The text is joined
// here instead of by JSON.stringify over objects: names rarely need escaping, and a listing has 50,000 of them. No
// entry has a key `event`: clients drop such lines.

import { jsonOf } from '../../base/json-text.ts'
import type { Item, EntryKind } from './directory.ts'
import { extensionOf } from './code-files.ts'

// A lone surrogate would need escaping too, but no decoded name or content has one.
const NEEDS_ESCAPE = /["\\\u0000-\u001f\u2028\u2029]/ // oxlint-disable-line no-control-regex -- JSON escapes control characters

/** Returns `text` as a JSON string. */
export function quickString(text: string): string {
  return NEEDS_ESCAPE.test(text) ? jsonOf(text) : `"${text}"`
}

/** Returns `text` as the inside of a JSON string, for joining with more of it. */
export function quickInside(text: string): string {
  return NEEDS_ESCAPE.test(text) ? jsonOf(text).slice(1, -1) : text
}

const TYPE: Readonly<Record<EntryKind, string>> = {
  file: '"type":"file"',
  directory: '"type":"directory"',
  symlink: '"type":"symlink"',
  // Strict clients know three types only; a special file is a file that says what it is.
  fifo: '"type":"file","special":"fifo"',
  socket: '"type":"file","special":"socket"',
  block_device: '"type":"file","special":"block_device"',
  character_device: '"type":"file","special":"character_device"',
}

/**
 * Returns the fields that every entry has, without the closing brace. `inside` is the directory's path and a slash,
 * escaped; `bytes` are given for a path that is not UTF-8.
 */
export function entryHead(item: Item, inside: string, bytes: Buffer | undefined): string {
  const name = quickInside(item.name)
  const head = `{"name":"${name}","path":"${inside}${name}",${TYPE[item.kind]}`
  if (bytes === undefined) return head
  const told = `${head},"path_base64":"${bytes.toString('base64')}"`
  return item.raw === undefined ? told : `${told},"lossy_name":true,"name_base64":"${item.raw.toString('base64')}"`
}

/** Returns the field `extension` of a file that has one, else nothing. */
export function extensionPart(item: Item): string {
  if (item.kind !== 'file') return ''
  const extension = extensionOf(item.name)
  return extension === '' ? '' : `,"extension":${quickString(extension)}`
}

/** Returns the fields `size` and `modified`. A link has size 0 (protocol.md#files, stat). */
export function statPart(item: Item, size: number, modified: number): string {
  return `,"size":${item.kind === 'symlink' ? 0 : size},"modified":"${new Date(modified).toISOString()}"`
}

/** Returns the field `content`; bytes that are not UTF-8 become U+FFFD, and `lossy` says so (protocol.md#files). */
export function contentPart(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  const lossy = text.includes('\uFFFD') && !Buffer.from(text).equals(bytes)
  return `,"content":${quickString(text)}${lossy ? ',"lossy":true' : ''}`
}

/** Characters at which a batch is full. Larger batches gain nothing measurable, smaller ones cost messages. */
const BATCH = 128 * 1024

/** Text that a walk has made and that has not been sent. It is sent as UTF-8 when it is full or the turn is over. */
export class Output {
  #text = ''
  readonly #encoder = new TextEncoder()

  /** Appends a piece of JSON text. */
  put(text: string): void {
    this.#text += text
  }

  get full(): boolean {
    return this.#text.length >= BATCH
  }

  /**
   * Returns everything put since the last `take`, in memory shared with nothing: it is transferred to the main thread.
   */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#encoder.encode(this.#text)
    this.#text = ''
    return bytes
  }
}
