// Reads TAP as node-tap prints it (one subtest per file, named tests inside) and keeps the facts of a summary: each
// named test with its outcome, the files that failed as a whole, and the text that explains a failure. Pure: text in,
// values out.

export interface TestResult {
  readonly file: string
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Reason of a skip, or the diagnosis below a failed assertion. */
  readonly detail: string
}

export interface FileResult {
  readonly file: string
  readonly ok: boolean
  readonly tests: readonly TestResult[]
  /** Duration in milliseconds. */
  readonly time: number
  readonly diagnosis: string
}

interface Point {
  readonly depth: number
  readonly ok: boolean
  readonly name: string
  readonly directive: string
  readonly reason: string
  readonly time: number
}

const POINT = /^((?: {4})*)(not ok|ok) \d+(?: - (.*?))?(?: (?<!\\)# (.*?))?(?: \{)?$/
const DIRECTIVE = /^(SKIP|TODO)\b:?\s*(.*)$/i

function pointOf(line: string): Point | undefined {
  const [, indent, word, name = '', comment = ''] = POINT.exec(line) ?? []
  if (indent === undefined) return undefined
  const time = Number(/time=([\d.]+)ms/.exec(comment)?.[1] ?? 0)
  const [, directive = '', reason = ''] = DIRECTIVE.exec(comment.replace(/\s*#?\s*time=[\d.]+ms/, '')) ?? []
  const plain = name.replaceAll('\\#', '#')
  return { depth: indent.length / 4, ok: word === 'ok', name: plain, directive: directive.toUpperCase(), reason, time }
}

/** A failed point; its diagnosis comes on the lines after it. */
interface Failure {
  readonly name: string
  detail: string
}

interface OpenTest extends Omit<TestResult, 'file' | 'detail'> {
  readonly reason: string
  readonly failures: readonly Failure[]
}

/** Assertion, skipped with its reason, by which a test says that it found out inside that it cannot run. */
const LACKING = 'needs a capability'

/** Takes TAP line by line; calls `onFile` for each file when its last line has come. */
export class TapResults {
  readonly #onFile: (file: FileResult) => void
  /** Finished tests of the file being read. */
  #tests: OpenTest[] = []
  /** Failures and skips inside the test being read. */
  #failures: Failure[] = []
  #skips: OpenTest[] = []
  /** Point that the next diagnosis belongs to, and its indent. */
  #last: { failure: Failure; indent: string } | undefined
  #yaml: string[] | undefined
  #file: { point: Point; failure: Failure } | undefined
  bailedOut: string | undefined

  constructor(onFile: (file: FileResult) => void) {
    this.#onFile = onFile
  }

  line(line: string): void {
    const last = this.#last
    if (this.#yaml !== undefined && last !== undefined) {
      if (line !== `${last.indent}  ...`) return void this.#yaml.push(line.slice(last.indent.length + 2))
      last.failure.detail = this.#yaml.join('\n')
      this.#yaml = undefined
    } else if (last !== undefined && line === `${last.indent}  ---`) {
      this.#yaml = []
    } else {
      this.#endFile()
      if (/^ *Bail out!/.test(line)) this.bailedOut = line.trim()
      const point = pointOf(line)
      if (point !== undefined) this.#take(point)
    }
  }

  end(): void {
    this.#endFile()
  }

  #take(point: Point): void {
    const { depth, name, reason } = point
    const failure: Failure = { name, detail: '' }
    this.#last = { failure, indent: ' '.repeat(depth * 4) }
    if (depth === 0) {
      this.#file = { point, failure }
      return
    }
    // A test that is still to do has not passed.
    const failed = !point.ok || point.directive === 'TODO'
    const outcome = point.directive === 'SKIP' ? 'skipped' : failed ? 'failed' : 'passed'
    if (depth > 1) {
      // A failed subtest only repeats the failure inside it.
      const repeats = point.time > 0 && this.#failures.length > 0
      if (outcome === 'failed' && !repeats) this.#failures.push(failure)
      if (outcome === 'skipped') this.#skips.push({ name, outcome, reason, failures: [] })
      return
    }
    if (outcome === 'failed' && this.#failures.length === 0) this.#failures.push(failure)
    const lacking = outcome === 'passed' ? this.#skips.find((skip) => skip.name === LACKING) : undefined
    // A skip inside a test that passed must not hide behind its parent.
    this.#tests.push(
      ...this.#skips.filter((skip) => skip !== lacking),
      lacking === undefined ? { name, outcome, reason, failures: this.#failures } : { ...lacking, name },
    )
    this.#failures = []
    this.#skips = []
  }

  #endFile(): void {
    if (this.#file === undefined) return
    const { point, failure } = this.#file
    const file = point.name
    const tests = this.#tests.map(({ name, outcome, reason, failures }) => {
      const detail = failures.map((one) => `${one.name}\n${one.detail}`).join('\n')
      return { file, name, outcome, detail: outcome === 'skipped' ? reason : detail }
    })
    this.#file = undefined
    this.#last = undefined
    this.#tests = []
    this.#onFile({ file, ok: point.ok, time: point.time, tests, diagnosis: failure.detail })
  }
}

/** Returns the catalogue rows that a test's name begins with: "E-01, E-14 …" gives both. */
export function rowsOf(name: string): string[] {
  const list = /^(?:[A-Z]{1,2}-\d{2}[a-z]?(?:\s*(?:,|\+|and|&|\/)\s*|\s+|:\s*|$))+/.exec(name)?.[0] ?? ''
  return list.match(/[A-Z]{1,2}-\d{2}/g) ?? []
}
