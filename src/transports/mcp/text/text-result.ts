// The result of a tool in the format `text` (protocol.md#text-format): text made for a model where the tool's value is
// text, with the machine facts in `_meta`, which clients keep from the model; JSON of bounded length and the
// same as structured content where it is not. Pure.

import type { Fault } from '../../../base/fault.ts'
import { jsonBytes } from '../../../base/json-size.ts'
import type { Operation, TextForm } from '../../../operation.ts'
import type { Budget } from '../budget.ts'
import { cutAnything } from '../cut-anything.ts'
import { plainBody } from '../plain-body.ts'
import { faultBody } from '../../reply.ts'
import { FACTS_KEY } from '../tool-result.ts'
import { deletedView, writtenView } from './change.ts'
import { commandView } from './command.ts'
import { failureText } from './failure.ts'
import { fileView } from './file.ts'
import { fitJson } from './fit-json.ts'
import { grouped } from './limits.ts'
import { listingView } from './listing.ts'
import { screenView } from './screen.ts'
import { matchesView, pathsView } from './search.ts'
import { commandsView, factsView, inputView, terminalsView, terminalView, watchersView, watcherView } from './states.ts'
import type { Block, Body, Subject, View } from './view.ts'

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
  /** The arguments as they came. */
  readonly asked: Body
  readonly structured: boolean
  readonly budget: Budget
}

/** `body` is the whole REST body. */
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

/** For everything in a message beside an image. */
const BESIDE_IMAGE = 64 * 1024
/** Bytes that the facts may have as JSON: they are for programs, and the text has what a model needs. */
const FACTS_BYTES = 32 * 1024

function withinBudget(block: Block, { message }: Budget): Block {
  if (block.type === 'text' || block.data.length <= message - BESIDE_IMAGE) return block
  const size = grouped(Math.floor((block.data.length * 3) / 4))
  return { type: 'text', text: `[${block.mimeType} of ${size} bytes: too large for one result, see max_result_bytes]` }
}

function shortFacts(facts: Body): Body {
  return jsonBytes(facts) <= FACTS_BYTES ? facts : cutAnything(facts, FACTS_BYTES)
}

/** `structured`: the caller takes structured content. A tool that promises a form of it fails without. */
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
