// What a renderer is given and what it gives: the body that REST would send, as plain values, and blocks for
// a model with machine facts beside them. A renderer names no tool: which one shows the rest is the
// operation's to say.

import { jsonOf } from '../../../base/json-text.ts'

export type Body = Readonly<Record<string, unknown>>

export interface Subject {
  readonly body: Body
  /** The arguments of the call, as they came. */
  readonly asked: Body
  /** The tool that shows the rest. */
  readonly more: string
  /** The tool whose command shows the rest of a long line. */
  readonly moreOfLine?: string | undefined
}

export type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly data: string; readonly mimeType: string }

export interface View {
  readonly content: readonly Block[]
  /** Fields of the body that are text for the model: the others go into `_meta`. */
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

/** As it is where it stands on one line, else as JSON. */
export function named(text: string): string {
  // oxlint-disable-next-line no-control-regex -- a name may hold line breaks and escapes
  return /[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(text) ? jsonOf(text) : text
}

/** What of an ended command or terminal lives on must not be missed; empty where nothing does. */
export function livesOn(body: Body): string {
  if (body['survived'] !== true) return ''
  const all = Array.isArray(body['survivors']) ? (body['survivors'] as readonly Body[]) : [] // the operation's own output
  const names = all.map((one) => `${named(textOf(one, 'name'))} (pid ${String(one['pid'])})`)
  return ` Some of its processes live on${names.length === 0 ? '' : `: ${names.join(', ')}`}.`
}

export function call(tool: string, args: object): string {
  return `${tool} ${JSON.stringify(args)}`
}

// How long a result in the format `text` may be. Clients cut at 25,000 tokens or write what is longer to a
// file, and a model reads what it is given: so less, and the exact call for the rest.

/** Characters of one result, marks and hints included. */
export const RESULT_CHARACTERS = 40_000
/** Characters of one line; minified files and logs have lines of megabytes. */
export const LINE_CHARACTERS = 2_000
/** What a renderer leaves for its status line and its hints. */
export const HINT_CHARACTERS = 1_500

/** Less the first half of a surrogate pair whose second half was cut off. */
export function cutAt(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/** 1234567 as "1,234,567". */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** "1 line", "2 lines". */
export function counted(count: number, one: string): string {
  return `${grouped(count)} ${one}${count === 1 ? '' : 's'}`
}

// Arguments that ask for more than a result in the format `text` can show: brought down to what it can, so that
// nothing is collected, rendered and parsed only to be cut. Pure.

type Arguments = Readonly<Record<string, unknown>>

/** `most`: by field; only numbers, and strings that are numbers, count. */
export function bounded(asked: Arguments, most: Readonly<Record<string, number>> = {}): Arguments {
  const over = Object.entries(most).filter(([field, limit]) => {
    const value = Object.hasOwn(asked, field) ? asked[field] : undefined
    return (typeof value === 'number' || typeof value === 'string') && Number(value) > limit
  })
  return over.length === 0 ? asked : { ...asked, ...Object.fromEntries(over) }
}
