// new BoundedPattern(source).test(text, ms): a regular expression of another author, run for a bounded time. Node's
// engine backtracks, so that `(a+)+$` takes years for 50 characters: such a pattern runs where V8 can stop it.

import { createContext, Script } from 'node:vm'
import { Fault, quote } from '../base/fault.ts'

const MOST_CHARACTERS = 1000
/** Characters of a text on which a pattern with one repetition takes at most the square in steps: below 1 ms. */
const SHORT_TEXT = 1000

/** Context for all patterns, made for the first that needs it. */
let bounded: { readonly run: Script; readonly place: { pattern: RegExp; text: string } } | undefined

export class BoundedPattern {
  readonly #pattern: RegExp
  /** True if the pattern has at most one repetition and can match in one way only. */
  readonly #simple: boolean

  /** Throws a SyntaxError if `source` is no pattern, and a RangeError if it is too long. */
  constructor(source: string) {
    if (source.length > MOST_CHARACTERS) throw new RangeError('the pattern is too long')
    this.#pattern = compiled(source)
    this.#simple = !/\||\\[1-9k]/.test(source) && (source.match(/[*+?{]/g)?.length ?? 0) <= 1
  }

  /** Tells whether `text` matches anywhere. Throws `bad_request` if that takes longer than `ms`, a whole number. */
  test(text: string, ms: number): boolean {
    if (this.#simple && text.length <= SHORT_TEXT) return this.#pattern.test(text)
    bounded ??= openBounded()
    bounded.place.pattern = this.#pattern
    bounded.place.text = text
    try {
      return bounded.run.runInContext(bounded.place, { timeout: ms }) === true
    } catch (cause) {
      const sentence = `a text of ${text.length} characters could not be held against the pattern ${quote(this.#pattern.source.slice(0, 100))} in ${ms} ms`
      throw new Fault('bad_request', sentence, { cause })
    } finally {
      bounded.place.text = ''
    }
  }
}

function compiled(source: string): RegExp {
  try {
    return new RegExp(source, 'u')
  } catch {
    return new RegExp(source) // the source has escapes that only the older syntax has
  }
}

function openBounded() {
  const place = { pattern: /^/, text: '' }
  createContext(place)
  return { run: new Script('pattern.test(text)'), place }
}
