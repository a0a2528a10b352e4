// The result of a tool in the format `text` (contract 15.2): text made for a model where the tool's value is
// text, with the machine facts in `_meta`, which clients keep from the model; JSON of bounded length and the
// same as structured content where it is not. Pure.

import type { Fault } from '../../../base/fault.ts'
import { JsonText } from '../../../base/json-text.ts'
import type { Operation, TextForm } from '../../../operation.ts'
import { deletedView, writtenView } from './change.ts'
import { commandView } from './command.ts'
import { failureText } from './failure.ts'
import { fileView } from './file.ts'
import { fitJson } from './fit-json.ts'
import { screenView } from './screen.ts'
import { matchesView, pathsView } from './search.ts'
import type { Block, Body, Subject, View } from './view.ts'

/** Where the facts stand in a result's `_meta`. */
export const FACTS_KEY = 'workspace-runtime/facts'

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
}

/** `body` is the whole REST body; `asked` are the arguments as they came. */
export function textResult(op: Operation, body: object, asked: Body, structured: boolean): TextResult {
  const plain = plainBody(body)
  const form = op.tool?.text?.form
  if (form === undefined) {
    const fitting = fitJson(plain)
    const content = [{ type: 'text', text: JSON.stringify(fitting) }] as const
    return structured ? { content, structuredContent: fitting } : { content }
  }
  const { content, told } = VIEWS[form]({ body: plain, asked, more: op.tool?.text?.more ?? op.name })
  const facts = Object.fromEntries(Object.entries(plain).filter(([field]) => !told.includes(field)))
  return { content, _meta: { [FACTS_KEY]: facts } }
}

export function textFailure(fault: Fault, requestId: string): TextResult {
  const facts = { code: fault.code, ...(fault.details && { details: fault.details }), request_id: requestId }
  return { content: [{ type: 'text', text: failureText(fault) }], isError: true, _meta: { [FACTS_KEY]: facts } }
}

/** With parts that a worker has rendered as the values they stand for: this format asks for short ones. */
function plainBody(body: object): Body {
  const fields = Object.entries(body).map(([name, value]: [string, unknown]) => [name, plainValue(value)] as const)
  return Object.fromEntries(fields)
}

function plainValue(value: unknown): unknown {
  return value instanceof JsonText ? (JSON.parse(Buffer.concat(value.chunks).toString('utf8')) as unknown) : value
}
