// What ripgrep says on stderr with --debug, taken apart as it comes. Pure. Its remarks about single files are
// kept for the answer; of the rest two things are needed: which rule files it has read, and which files it has
// left at a NUL byte without a word on stdout. The forms are those of the ripgrep that ships with the daemon.
// A file's name may hold a line break and look like a remark: what is taken from here is looked at on the disk.

/** Bytes of remarks that are kept; the rest is read and dropped. */
const KEPT_BYTES = 64 * 1024
/** Longest line that is looked at; no path is as long. */
const LINE_BYTES = 32 * 1024
/** Rule files and files left at a NUL byte that are remembered. */
export const MOST_FILES = 10_000

const DEBUG = 'rg: DEBUG|'
const OPENED = /^rg: DEBUG\|ignore::gitignore\|[^ ]+ opened gitignore file: (.+)$/
const BINARY = /^rg: DEBUG\|grep_printer::json\|[^ ]+ ignoring (.+): found binary data at offset (\d+)$/
const SKIPPED = 'rg: DEBUG|ignore::walk|'

export class RipgrepRemarks {
  readonly ruleFiles: string[] = []
  /** By path, as shown: the offset of the first NUL byte. */
  readonly binaries = new Map<string, number>()
  /** Entries that were left out by a rule, a glob or because they are hidden. */
  skipped = 0
  /** More was said than is kept. */
  cut = false
  #kept = ''
  #held: Uint8Array[] = []
  #heldBytes = 0

  /** What was said that is no debugging, as it was said. */
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
