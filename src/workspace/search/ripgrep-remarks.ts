// Remarks: what ripgrep writes to stderr with --debug, read as it comes. Pure. Messages about single files are kept for
// the answer. Of the debug lines two things are read: which rule files ripgrep has read, and in which files it has
// stopped at a NUL byte without a record on stdout. The forms are those of the ripgrep that ships with the daemon. A
// file name may hold a line break and look like a message, so paths from here are checked on the disk before they are
// used.

/** Characters of messages that are kept; the rest is read and dropped. */
const KEPT_BYTES = 64 * 1024
/** Longest line that is read, in bytes; no path is as long. */
const LINE_BYTES = 32 * 1024
/** Rule files that are remembered, and files with a NUL byte. */
export const MOST_FILES = 10_000

const DEBUG = 'rg: DEBUG|'
const OPENED = /^rg: DEBUG\|ignore::gitignore\|[^ ]+ opened gitignore file: (.+)$/
const BINARY = /^rg: DEBUG\|grep_printer::json\|[^ ]+ ignoring (.+): found binary data at offset (\d+)$/
const SKIPPED = 'rg: DEBUG|ignore::walk|'

export class RipgrepRemarks {
  readonly ruleFiles: string[] = []
  /** Offset of the first NUL byte, by path as ripgrep writes it. */
  readonly binaries = new Map<string, number>()
  /** Entries left out by a rule, a glob or because they are hidden. */
  skipped = 0
  /** True if messages were dropped. */
  cut = false
  #kept = ''
  #held: Uint8Array[] = []
  #heldBytes = 0

  /** The messages that are no debug lines. */
  get said(): string {
    return this.#kept.trim()
  }

  take(chunk: Uint8Array): void {
    const end = chunk.lastIndexOf(0x0a)
    if (end >= 0) {
      const whole = Buffer.concat([...this.#held, chunk.subarray(0, end)])
      for (const line of whole.toString().split('\n')) this.#read(line)
      this.#held = []
      this.#heldBytes = 0
    }
    const rest = chunk.subarray(end + 1)
    if (this.#heldBytes + rest.length > LINE_BYTES) return
    this.#held.push(rest)
    this.#heldBytes += rest.length
  }

  #read(line: string): void {
    if (!line.startsWith(DEBUG)) return this.#keep(line)
    if (line.startsWith(SKIPPED)) this.skipped++
    const opened = OPENED.exec(line)?.[1]
    if (opened !== undefined && this.ruleFiles.length <= MOST_FILES) this.ruleFiles.push(opened)
    const [, path, offset] = BINARY.exec(line) ?? []
    if (path !== undefined && this.binaries.size <= MOST_FILES) this.binaries.set(path, Number(offset))
  }

  #keep(line: string): void {
    if (this.#kept.length + line.length > KEPT_BYTES) this.cut = true
    else this.#kept += `${line}\n`
  }
}
