// The input and the output of a renderer: the body that REST would send, as plain values, and blocks for a model with
// machine facts beside them. A renderer names no tool: the operation says which tool shows the rest.

import { jsonOf } from '../../../base/json-text.ts'

export type Body = Readonly<Record<string, unknown>>

export interface Subject {
  readonly body: Body
  /** Arguments of the call, as the client sent them. */
  readonly asked: Body
  /** Tool that shows the rest. */
  readonly more: string
  /** Tool whose command shows the rest of a long line. */
  readonly moreOfLine?: string | undefined
}

export type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly data: string; readonly mimeType: string }

export interface View {
  readonly content: readonly Block[]
  /** Fields of the body that are text for the model; the others go into `_meta`. */
  readonly told: readonly string[]
}

export function textView(lines: readonly (string | undefined)[], told: readonly string[]): View {
  const text = lines.filter((line) => line !== undefined && line !== '').join('\n')
  return { content: [{ type: 'text', text }], told }
}

export function textOf(body: Body, field: string): string {
  const value = body[field]
  return typeof value === 'string' ? value : ''
}

export function countOf(body: Body, field: string): number | undefined {
  const value = body[field]
  return typeof value === 'number' ? value : undefined
}

/** Returns the text as it is if it stands on one line, else as JSON. */
export function named(text: string): string {
  // oxlint-disable-next-line no-control-regex -- a name may hold line breaks and escapes
  return /[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(text) ? jsonOf(text) : text
}

/** Returns a sentence about the processes that survive an ended command or terminal; empty if none does. */
export function livesOn(body: Body): string {
  if (body['survived'] !== true) return ''
  const all = Array.isArray(body['survivors']) ? (body['survivors'] as readonly Body[]) : [] // the operation's own output
  const names = all.map((one) => `${named(textOf(one, 'name'))} (pid ${String(one['pid'])})`)
  return ` Some of its processes live on${names.length === 0 ? '' : `: ${names.join(', ')}`}.`
}

export function call(tool: string, args: object): string {
  return `${tool} ${JSON.stringify(args)}`
}

/**
 * Characters of one result, marks and hints included. Clients cut at 25,000 tokens or write a longer result to a file,
 * and a model reads all of it: so less, and the exact call for the rest.
 */
export const RESULT_CHARACTERS = 40_000
/** Characters of one line; minified files and logs have lines of megabytes. */
export const LINE_CHARACTERS = 2_000
/** Characters that a renderer keeps free for its status line and its hints. */
export const HINT_CHARACTERS = 1_500

/** Returns the first `length` characters, without the first half of a surrogate pair at the cut. */
export function cutAt(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/** Returns 1234567 as "1,234,567". */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** Returns "1 line", "2 lines". */
export function counted(count: number, one: string): string {
  return `${grouped(count)} ${one}${count === 1 ? '' : 's'}`
}

type Arguments = Readonly<Record<string, unknown>>

/**
 * Returns the arguments, lowered to what the format `text` can show, so that nothing is collected only to be cut.
 * `most`: by field; only numbers, and strings that are numbers, count. Pure.
 */
export function bounded(asked: Arguments, most: Readonly<Record<string, number>> = {}): Arguments {
  const over = Object.entries(most).filter(([field, limit]) => {
    const value = Object.hasOwn(asked, field) ? asked[field] : undefined
    return (typeof value === 'number' || typeof value === 'string') && Number(value) > limit
  })
  return over.length === 0 ? asked : { ...asked, ...Object.fromEntries(over) }
}
