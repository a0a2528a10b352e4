// Cuts a file into windows of whole lines as UTF-8 bytes, treating encodings and binary content as ripgrep
// does: a byte order mark decides (UTF-16 is decoded), a NUL in the first 64 KiB makes the file binary and
// unsearched, a later one ends the search of it; in a file that was named outright a NUL is a line end.

/** ripgrep's buffer: what it looks at for a NUL before it searches any of it. */
const FIRST_BYTES = 64 * 1024
/** Bytes read at a time after that. */
const WINDOW_BYTES = 1024 * 1024
/** A longer line is searched at its beginning only; what is held never exceeds this and one window. */
const LINE_BYTES = 8 * 1024 * 1024

const NEWLINE = 0x0a

export class TextWindows {
  /** Fills the buffer from the file; 0 at its end. */
  readonly #read: (into: Buffer) => number
  /** The file was named, not found by a walk. */
  readonly #named: boolean
  readonly #tooLong: () => void
  #decoder: InstanceType<typeof TextDecoder> | undefined

  constructor(read: (into: Buffer) => number, named: boolean, tooLong: () => void) {
    this.#read = read
    this.#named = named
    this.#tooLong = tooLong
  }

  *[Symbol.iterator](): Generator<Buffer> {
    let held: Buffer[] = []
    let heldBytes = 0
    let cutting = false
    for (let chunk = this.#first(); chunk.length > 0; chunk = this.#next(WINDOW_BYTES)) {
      if (chunk.includes(0)) {
        if (!this.#named) return
        for (let at = chunk.indexOf(0); at >= 0; at = chunk.indexOf(0, at + 1)) chunk[at] = NEWLINE
      }
      const end = chunk.lastIndexOf(NEWLINE) + 1
      if (cutting) {
        // The rest of an overlong line, up to its end, is passed over; its line end closes what was searched.
        const start = chunk.indexOf(NEWLINE)
        if (start < 0) continue
        cutting = false
        if (end > start + 1) yield chunk.subarray(start + 1, end)
        held = [chunk.subarray(end)]
        heldBytes = chunk.length - end
        continue
      }
      if (end > 0) {
        yield held.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...held, chunk.subarray(0, end)])
        held = []
        heldBytes = 0
      }
      if (end < chunk.length) held.push(chunk.subarray(end))
      heldBytes += chunk.length - end
      if (heldBytes > LINE_BYTES) {
        this.#tooLong()
        cutting = true
        yield Buffer.concat([...held, Buffer.of(NEWLINE)])
        held = []
        heldBytes = 0
      }
    }
    if (heldBytes > 0) yield Buffer.concat(held)
  }

  /** The first bytes, after their byte order mark. */
  #first(): Buffer {
    const bytes = this.#fill(FIRST_BYTES)
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.subarray(3)
    if (bytes[0] === 0xff && bytes[1] === 0xfe) this.#decoder = new TextDecoder('utf-16le')
    if (bytes[0] === 0xfe && bytes[1] === 0xff) this.#decoder = new TextDecoder('utf-16be')
    return this.#decoded(bytes)
  }

  #next(size: number): Buffer {
    return this.#decoded(this.#fill(size))
  }

  #decoded(bytes: Buffer): Buffer {
    return this.#decoder === undefined ? bytes : Buffer.from(this.#decoder.decode(bytes, { stream: true }))
  }

  /** A new buffer, full except at the end of the file. */
  #fill(size: number): Buffer {
    const into = Buffer.allocUnsafe(size)
    let filled = 0
    for (let read = this.#read(into); read > 0; read = filled < size ? this.#read(into.subarray(filled)) : 0)
      filled += read
    return into.subarray(0, filled)
  }
}
