// Reads a tar archive that comes in chunks of any size: cuts it into members and their content, applies what PAX and
// GNU headers say to the member after them and to nothing else, and ends it strictly (T-01, T-04): an archive without
// its end, or with anything behind it, is refused. It touches no file.

import {
  type Header,
  hasSum,
  type Moment,
  readHeader,
  memberFault,
  unusable,
  NO_ARCHIVE,
  type PaxFields,
  readPax,
} from './unpack-header.ts'
import { BLOCK_BYTES, isBlank, paddingOf } from './tar-block.ts'

type MemberType = 'file' | 'directory' | 'symlink' | 'hardlink'

export interface UnpackMember {
  readonly type: MemberType
  /** Byte strings, as they stand in the archive. */
  readonly name: string
  readonly target: string
  readonly size: number
  readonly mode: number
  readonly mtime: Moment
}

/** The receiver of the members. `end` follows `begin` and all of `content`, for every member. */
export interface MemberSink {
  /** A header of any kind begins; the next fault is about it. */
  header(): void
  /** Tells the member's name, as soon as that is known. */
  named(name: string): void
  begin(member: UnpackMember): void
  /** The bytes belong to the reader; they are used before this returns. */
  content(bytes: Uint8Array): void
  end(): void
}

/** Bytes of a PAX header or long name at most; node-tar has the same bound. */
const META_BYTES = 1024 * 1024

/** Headers about one member at most; two or three are usual. */
const MOST_META = 16

const TYPES: Readonly<Record<string, MemberType>> = {
  '0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
}

/** Types that are refused by name. */
const REFUSED: Readonly<Record<string, string>> = {
  '3': 'is a character device',
  '4': 'is a block device',
  '6': 'is a FIFO',
  s: 'is a socket',
  S: 'is a sparse file in a form of GNU tar; make the archive without --sparse, on macOS with --no-read-sparse',
  D: 'is a directory listing of an incremental archive',
  M: 'is the rest of a file in another volume',
}

/** Types of headers about the next member: PAX, long name, long link target. */
const META = 'xXgLKN'
/** A volume's label, which is about no member. */
const LABEL = 'V'

type State =
  | { readonly at: 'header' }
  | { readonly at: 'content'; left: number; padding: number }
  | { readonly at: 'meta'; readonly header: Header; readonly bytes: Buffer; filled: number; padding: number }
  | { readonly at: 'padding'; left: number }
  /** After the first block of zeros, or both. */
  | { readonly at: 'end' }

const HEADER: State = { at: 'header' }

export class TarReader {
  readonly #sink: MemberSink
  #state: State = HEADER
  readonly #block = Buffer.alloc(BLOCK_BYTES)
  /** Bytes of a header that have come. */
  #filled = 0
  #seen = false
  #global: PaxFields = {}
  #own: PaxFields = {}
  #metas = 0

  constructor(sink: MemberSink) {
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.byteLength) {
      const state = this.#state
      if (state.at === 'header') at = this.#takeHeader(chunk, at)
      else if (state.at === 'content') at = this.#takeContent(chunk, at, state)
      else if (state.at === 'meta') at = this.#takeMeta(chunk, at, state)
      else if (state.at === 'padding') {
        const some = Math.min(state.left, chunk.byteLength - at)
        at += some
        if ((state.left -= some) === 0) this.#state = HEADER
      } else {
        if (!isBlank(chunk.subarray(at))) throw unusable('the archive goes on after its end: there is more than zeros')
        return
      }
    }
  }

  /** Tells that the last chunk was pushed. */
  end(): void {
    const { at } = this.#state
    if (at === 'end') return
    if (!this.#seen && this.#filled === 0) throw unusable('the archive is empty: not even its end is there')
    if (!this.#seen) throw unusable('what was sent is no tar archive: it is shorter than one header')
    if (at === 'content') throw memberFault('is cut off: the archive ends inside it')
    throw unusable('the archive is cut off: it ends without the blocks of zeros that an archive ends with')
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const some = Math.min(BLOCK_BYTES - this.#filled, chunk.byteLength - at)
    const whole = some === BLOCK_BYTES
    if (!whole) chunk.copy(this.#block, this.#filled, at, at + some)
    this.#filled += some
    if (this.#filled === BLOCK_BYTES) {
      this.#filled = 0
      this.#header(whole ? chunk.subarray(at, at + BLOCK_BYTES) : this.#block)
    }
    return at + some
  }

  #header(block: Buffer): void {
    if (isBlank(block)) {
      if (Object.keys(this.#own).length > 0)
        throw unusable('the archive ends after a header that is about a member to come')
      this.#seen = true
      this.#state = { at: 'end' }
      return
    }
    if (!this.#seen && !hasSum(block)) {
      throw unusable(NO_ARCHIVE)
    }
    this.#seen = true
    this.#sink.header()
    const header = readHeader(block)
    if (!META.includes(header.type) && header.type !== LABEL) return this.#beginMember(header)
    if (++this.#metas > MOST_META) throw memberFault(`has more than ${MOST_META} headers before it`)
    if (header.type === LABEL) this.#state = padded(header.size + paddingOf(header.size))
    else this.#beginMeta(header)
  }

  #beginMeta(header: Header): void {
    if (header.size > META_BYTES) throw memberFault(`has a header of ${header.size} bytes; accepted are ${META_BYTES}`)
    const bytes = Buffer.alloc(header.size)
    if (header.size === 0) this.#endMeta(header, bytes)
    else this.#state = { at: 'meta', header, bytes, filled: 0, padding: paddingOf(header.size) }
  }

  #takeMeta(chunk: Buffer, at: number, state: State & { at: 'meta' }): number {
    const some = Math.min(state.bytes.byteLength - state.filled, chunk.byteLength - at)
    chunk.copy(state.bytes, state.filled, at, at + some)
    state.filled += some
    if (state.filled === state.bytes.byteLength) {
      this.#state = padded(state.padding)
      this.#endMeta(state.header, state.bytes)
    }
    return at + some
  }

  #endMeta({ type }: Header, bytes: Buffer): void {
    if (type === 'g') {
      this.#global = { ...this.#global, ...readPax(bytes, true) }
    } else if (type === 'x' || type === 'X') this.#add(readPax(bytes, false))
    else if (type === 'K') this.#add({ linkPath: longText(bytes, 'link target') })
    else this.#add({ path: longText(bytes, 'name') })
  }

  /** Throws at two names for one member: programs do not agree on which of them counts. */
  #add(fields: PaxFields): void {
    if (fields.path !== undefined && this.#own.path !== undefined) throw memberFault('is named twice')
    if (fields.linkPath !== undefined && this.#own.linkPath !== undefined) throw memberFault('has two link targets')
    this.#own = { ...this.#own, ...fields }
  }

  #beginMember(header: Header): void {
    const fields = { ...this.#global, ...this.#own }
    this.#own = {}
    this.#metas = 0
    const name = fields.path || header.name // an empty name counts as none
    this.#sink.named(name)
    const type = typeOf(header.type, name)
    const size = fields.size ?? header.size
    const { mode } = header
    if (size > 0 && (type === 'symlink' || type === 'hardlink')) {
      throw memberFault(`is a link and has ${size} bytes of content, which programs read in different ways`)
    }
    // Some programs give a directory the size that stat shows; no content follows.
    const bytes = type === 'directory' ? 0 : size
    const target = fields.linkPath || header.linkName
    this.#sink.begin({ type, name, target, size: bytes, mode, mtime: fields.mtime ?? header.mtime })
    if (bytes > 0) this.#state = { at: 'content', left: bytes, padding: paddingOf(bytes) }
    else this.#sink.end()
  }

  #takeContent(chunk: Buffer, at: number, state: State & { at: 'content' }): number {
    const end = at + Math.min(state.left, chunk.byteLength - at)
    this.#sink.content(chunk.subarray(at, end))
    state.left -= end - at
    if (state.left === 0) {
      this.#state = padded(state.padding)
      this.#sink.end()
    }
    return end
  }
}

function padded(left: number): State {
  return left === 0 ? HEADER : { at: 'padding', left }
}

/** Reads GNU's form: the text and a NUL. */
function longText(bytes: Buffer, what: string): string {
  const text = bytes.toString('latin1').replace(/\0+$/, '')
  if (text.includes('\0')) throw memberFault(`has a NUL in its ${what}`)
  if (text === '') throw memberFault(`has an empty ${what}`)
  return text
}

function typeOf(flag: string, name: string): MemberType {
  const type = TYPES[flag]
  if (type === 'file') return name.endsWith('/') ? 'directory' : 'file' // v7 wrote directories so
  if (type !== undefined) return type
  const reason = REFUSED[flag] ?? `has the type ${JSON.stringify(flag)}, which is none of a file, directory or link`
  throw memberFault(`${reason}; accepted are files, directories and links`)
}
