// The result of a tool in the format `text` (protocol.md#text-format): text for a model, with machine facts in `_meta`,
// which clients keep from the model. A value without a text form becomes JSON of bounded length and the same as
// structured content. A failure becomes a sentence on the failure and one on the next step. Pure.

import type { Fault, FaultCode } from '../../../base/fault.ts'
import { jsonBytes } from '../../../base/json-size.ts'
import type { Operation, TextForm } from '../../../operation.ts'
import type { Budget } from '../protocol/budget.ts'
import { cutAnything } from './cut-anything.ts'
import { plainBody } from './plain-body.ts'
import { faultBody } from '../../reply.ts'
import { FACTS_KEY } from './tool-result.ts'
import { deletedView, writtenView, fileView } from './file.ts'
import { commandView } from './command.ts'
import { grouped, type Block, type Body, type Subject, type View, RESULT_CHARACTERS, countOf } from './view.ts'
import { listingView } from './listing.ts'
import { screenView } from './screen.ts'
import { matchesView, pathsView } from './search.ts'
import { commandsView, factsView, inputView, terminalsView, terminalView, watchersView, watcherView } from './states.ts'
import { posix } from 'node:path'

export interface TextResult {
  readonly content: readonly Block[]
  readonly structuredContent?: object
  readonly isError?: true
  readonly _meta?: Readonly<Record<string, object>>
}

const VIEWS: Readonly<Record<TextForm, (subject: Subject) => View>> = {
  file: fileView,
  matches: matchesView,
  paths: pathsView,
  command: commandView,
  screen: screenView,
  written: writtenView,
  deleted: deletedView,
  listing: listingView,
  facts: factsView,
  commands: commandsView,
  input: inputView,
  terminal: terminalView,
  terminals: terminalsView,
  watcher: watcherView,
  watchers: watchersView,
}

export interface TextCall {
  /** Arguments as the client sent them. */
  readonly asked: Body
  readonly structured: boolean
  readonly budget: Budget
}

/** Returns the result. `body` is the whole REST body. */
export function textResult(op: Operation, body: object, { asked, structured, budget }: TextCall): TextResult {
  const plain = plainBody(body)
  const form = op.tool?.text?.form
  if (form === undefined) {
    const fitting = fitJson(plain)
    const content = [{ type: 'text', text: JSON.stringify(fitting) }] as const
    return structured ? { content, structuredContent: fitting } : { content }
  }
  const { more = op.name, moreOfLine } = op.tool?.text ?? {}
  const { content, told } = VIEWS[form]({ body: plain, asked, more, moreOfLine })
  const facts = Object.fromEntries(Object.entries(plain).filter(([field]) => !told.includes(field)))
  return { content: content.map((block) => withinBudget(block, budget)), _meta: { [FACTS_KEY]: shortFacts(facts) } }
}

/** Bytes for everything in a message beside an image. */
const BESIDE_IMAGE = 64 * 1024
/** Bytes of the facts as JSON: they are for programs, and the text has what a model needs. */
const FACTS_BYTES = 32 * 1024

function withinBudget(block: Block, { message }: Budget): Block {
  if (block.type === 'text' || block.data.length <= message - BESIDE_IMAGE) return block
  const size = grouped(Math.floor((block.data.length * 3) / 4))
  return { type: 'text', text: `[${block.mimeType} of ${size} bytes: too large for one result, see max_result_bytes]` }
}

function shortFacts(facts: Body): Body {
  return jsonBytes(facts) <= FACTS_BYTES ? facts : cutAnything(facts, FACTS_BYTES)
}

/** Returns the result of a failure. A tool that promises the form of its structured content sends none here. */
export function textFailure(op: Operation, fault: Fault, requestId: string, structured: boolean): TextResult {
  const body = faultBody(fault, requestId)
  const free = structured && op.tool?.text?.form !== undefined
  return {
    content: [{ type: 'text', text: failureText(fault) }],
    ...(free && { structuredContent: { ...body, error_message: fault.message } }),
    isError: true,
    _meta: { [FACTS_KEY]: body },
  }
}

/** Characters for the marks that name the cut parts. */
const MARKS = 100

/** Returns the body if it is short enough; else a copy of its form, whose longest list has lost its end. */
export function fitJson(body: Body): Body {
  if (JSON.stringify(body).length <= RESULT_CHARACTERS) return body
  const lists = Object.entries(body).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]))
  const sized = lists.map(([name, items]) => ({ name, items, length: JSON.stringify(items).length }))
  const longest = sized.sort((a, b) => b.length - a.length)[0]
  if (longest === undefined) return body
  const rest = JSON.stringify({ ...body, [longest.name]: [] }).length
  const { kept, left } = cutList(longest.items, RESULT_CHARACTERS - MARKS - rest)
  const cut = { ...body, [longest.name]: kept, truncated: true, left_out: (countOf(body, 'left_out') ?? 0) + left }
  return left === 0 ? cut : fitJson(cut)
}

/** Returns the first items that fit; of a directory of a tree that does not fit, the first of its children. */
function cutList(items: readonly unknown[], room: number): { kept: unknown[]; left: number } {
  const kept: unknown[] = []
  let free = room
  for (const [i, item] of items.entries()) {
    const length = JSON.stringify(item).length + 1
    if (length > free) {
      const partly = partOf(item, free)
      if (partly !== undefined) kept.push(partly.item)
      const more = partly === undefined ? countAll([item]) : partly.left
      return { kept, left: more + countAll(items.slice(i + 1)) }
    }
    kept.push(item)
    free -= length
  }
  return { kept, left: 0 }
}

function partOf(item: unknown, room: number): { item: object; left: number } | undefined {
  if (!hasChildren(item)) return undefined
  const free = room - JSON.stringify({ ...item, children: [] }).length - 1
  if (free < 0) return undefined
  const { kept, left } = cutList(item.children, free)
  return { item: { ...item, children: kept }, left }
}

function hasChildren(item: unknown): item is { readonly children: readonly unknown[] } {
  return typeof item === 'object' && item !== null && 'children' in item && Array.isArray(item.children)
}

function countAll(items: readonly unknown[]): number {
  return items.reduce<number>((sum, item) => sum + 1 + (hasChildren(item) ? countAll(item.children) : 0), 0)
}

const ADVICE: Readonly<Record<FaultCode, string>> = {
  bad_request: 'Change that argument and call again.',
  not_regular: 'file_stat tells what it is.',
  bad_cwd: 'Choose a directory that exists, or make it with file_mkdir.',
  unauthorized: 'The client needs a valid token.',
  forbidden: 'This will not succeed as it is: choose another way, or ask the user.',
  not_found: 'Look at what there is, then call again.',
  method_not_allowed: 'Choose another tool.',
  request_timeout: 'Send the request again, faster or in smaller parts.',
  conflict: 'Look at the present state, then call again.',
  precondition_failed: 'Read the present state first, then call again.',
  payload_too_large: 'Ask for a part of it: a range, or a narrower path.',
  unsupported_media_type: 'Send JSON.',
  range_not_satisfiable: 'Ask for a range inside it.',
  upgrade_required: 'Choose another tool.',
  rate_limited: 'End what is no longer needed, or wait a little.',
  internal_error: 'Try once more; if it fails again, tell the user its request id.',
  command_not_found: 'Check the name, or install the program.',
  not_executable: 'Make it executable with chmod +x, or run it with its interpreter.',
  spawn_failed: 'Shorten the command or its environment, or wait a little.',
  not_supported: 'Choose another way.',
  bad_gateway: 'Check that what it talks to is running.',
  unavailable: 'Wait a little, then call again.',
  timeout: 'Ask for less, or allow more time.',
  insufficient_storage: 'Free some space first.',
}

/** Returns the fault's own sentence, which mostly names what is accepted, and the advice for its code. */
export function failureText(fault: Fault): string {
  // The advice gives the probable name, with the whole path.
  const message =
    fault.details?.['nearest'] === undefined ? fault.message : fault.message.replace(/\. Did you mean .*\?$/s, '')
  const what = /[.!?…]$/.test(message) ? message : `${message}.`
  return `${what[0]?.toUpperCase() ?? ''}${what.slice(1)} ${adviceOn(fault)}`
}

function adviceOn(fault: Fault): string {
  const { nearest, path } = fault.details ?? {}
  if (fault.code === 'not_found' && typeof nearest === 'string') return `Call again with ${JSON.stringify(nearest)}.`
  if (fault.code === 'not_found' && typeof path === 'string') {
    return `file_list ${JSON.stringify({ path: posix.dirname(path) })} shows what is there.`
  }
  if (fault.retryAfter !== undefined && fault.code === 'unavailable') return `Call again in ${fault.retryAfter} s.`
  return ADVICE[fault.code]
}
