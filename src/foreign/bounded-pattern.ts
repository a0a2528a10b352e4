// new BoundedPattern(source).test(text): a regular expression that another author wrote, asked for a bounded time. Node's
// engine goes back and forth, so that `(a+)+$` takes years for 50 characters: such a one is run where V8 can end it.

import { createContext, Script } from 'node:vm'
import { Fault, quote } from '../base/fault.ts'

const MOST_CHARACTERS = 1000
/** Time for one text, in ms, during which the daemon does nothing else. */
const MOST_MS = 50
/** Text of which a pattern with one repetition takes at most its square in steps: below 1 ms. */
const SHORT_TEXT = 1000

/** One for all patterns, made for the first that needs it. */
let bounded: { readonly run: Script; readonly place: { pattern: RegExp; text: string } } | undefined

export class BoundedPattern {
  readonly #pattern: RegExp
  /** It has one repetition at most, and nothing that could be matched in two ways. */
  readonly #simple: boolean

  /** Throws a SyntaxError where it is none, and a RangeError where it is too long. */
  constructor(source: string) {
    if (source.length > MOST_CHARACTERS) throw new RangeError('the pattern is too long')
    this.#pattern = compiled(source)
    this.#simple = !/\||\\[1-9k]/.test(source) && (source.match(/[*+?{]/g)?.length ?? 0) <= 1
  }

  /** Tells whether `text` matches anywhere. Throws `bad_request` where that takes too long. */
  test(text: string): boolean {
    if (this.#simple && text.length <= SHORT_TEXT) return this.#pattern.test(text)
    bounded ??= openBounded()
    bounded.place.pattern = this.#pattern
    bounded.place.text = text
    try {
      return bounded.run.runInContext(bounded.place, { timeout: MOST_MS }) === true
    } catch (cause) {
      const sentence = `a text of ${text.length} characters could not be held against the pattern ${quote(this.#pattern.source.slice(0, 100))} in ${MOST_MS} ms`
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
    return new RegExp(source) // with escapes that only the older form has
  }
}

function openBounded() {
  const place = { pattern: /^/, text: '' }
  createContext(place)
  return { run: new Script('pattern.test(text)'), place }
}
