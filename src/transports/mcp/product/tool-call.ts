// Answers tools/call: takes a name and arguments, runs the tool once through the gate, and gives the answer the form
// that the caller's protocol has for success, failure and refusal.

import { mayUse } from '../../../caller.ts'
import { Blocks, ByteStream, EventStream, type Fields, type Operation } from '../../../operation.ts'
import { Fault } from '../../../base/fault.ts'
import type { Gate, Request } from '../../../invoke.ts'
import { successBody } from '../../reply.ts'
import { budgetOf } from '../protocol/budget.ts'
import { takesStructured } from '../protocol/revision.ts'
import { handlerRefusal, RPC, type RpcError, isObject } from '../protocol/json-rpc.ts'
import type { MethodAnswer, McpCall } from '../protocol/registry.ts'
import { blocksResult } from '../text/blocks.ts'
import { fitted } from './fit.ts'
import { bounded } from '../text/view.ts'
import { textFailure, textResult } from '../text/text-result.ts'
import { defaultsOf, type Tools } from './tools.ts'
import { bareFailure, toolFailure, toolResult } from '../text/tool-result.ts'
import { shownText } from '../../../base/bytes-text.ts'
import { NeedsInput, type Talk } from '../protocol/asking.ts'

export async function callTool(exchange: McpCall, tools: Tools, gate: Gate, confirms = false): Promise<MethodAnswer> {
  const asked = readCall(exchange, tools)
  if ('refusal' in asked) return asked
  const { op } = asked
  const { speaker, caller, requestId, signal, progress } = exchange
  const format = speaker.era === 'bare' ? 'json' : exchange.choices.format
  const raw = format === 'text' ? bounded(asked.raw, op.tool?.text?.most) : asked.raw
  const telling = progress && { progress: (standing: () => string | undefined) => progress.report(standing) }
  if (speaker.era === 'modern' && !mayUse(caller, op.scope)) return { refusal: scopeRefusal(op) }
  try {
    const rules = { unknown: 'refuse', defaults: defaultsOf(op, format) } as const
    const request = { raw, rules, caller, signal, requestId, via: 'mcp', ...telling } as const
    if (confirms) {
      const verdict = await confirmed(op, request, gate, exchange.talk())
      if (verdict !== undefined) return verdict
    }
    const run = async (more: Fields): Promise<Fields | Blocks> => {
      const { value, ignored } = await gate.invoke(op, { ...request, raw: { ...raw, ...more } })
      if (value instanceof EventStream || value instanceof ByteStream) throw streamed(op)
      return value instanceof Blocks ? value : successBody(value, ignored)
    }
    const budget = budgetOf(exchange.choices.maxResultBytes)
    const structured = takesStructured(speaker)
    const body = await run({})
    if (body instanceof Blocks) return { result: blocksResult(body, { format, structured, budget }) }
    if (format === 'text') return { result: textResult(op, body, { asked: raw, structured, budget }) }
    return { result: toolResult(await fitted(body, { op, asked: raw, budget, structured, again: run }), speaker) }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    if (isAdmission(error)) return { refusal: admissionRefusal(error, requestId) }
    if (speaker.era === 'bare') return { refusal: bareFailure(error, requestId) }
    return {
      result:
        format === 'text' ? textFailure(op, error, requestId, takesStructured(speaker)) : toolFailure(error, requestId),
    }
  }
}

interface Call {
  readonly op: Operation
  readonly raw: Readonly<Record<string, unknown>>
}

function readCall({ params, choices }: McpCall, tools: Tools): Call | { readonly refusal: RpcError } {
  const name = params['name']
  if (typeof name !== 'string') return invalid('params.name is missing or not a string; accepted is the name of a tool')
  const op = tools.find(name, choices)
  if (typeof op === 'string') return invalid(op)
  const raw = params['arguments'] ?? {} // clients leave it out if a tool needs no arguments
  if (!isObject(raw)) return invalid('params.arguments is not an object; accepted are the arguments by name')
  return { op, raw }
}

function invalid(sentence: string): { readonly refusal: RpcError } {
  return { refusal: handlerRefusal(RPC.invalidParams, sentence) }
}

/** Returns the fault of a tool that streams: tools hide the fields for a stream, so its declaration is wrong. */
function streamed(op: Operation): Fault {
  return new Fault(
    'internal_error',
    `${op.name} answers with a stream here, which MCP cannot carry; use the REST route`,
  )
}

/** Name of the only question. */
const KEY = 'confirm'

/**
 * Asks a person before something is destroyed (`mcp.confirm`, off by default). The client shows the tool's question;
 * the tool runs only after an accepted answer to this very call. Returns undefined if it may run, also if the client
 * cannot be asked. Throws `forbidden` if the person declined.
 */
async function confirmed(op: Operation, request: Request, gate: Gate, talk: Talk): Promise<NeedsInput | undefined> {
  const question = talk.modern && talk.can('elicitation') ? await questionOf(op, request, gate) : undefined
  if (question === undefined) return undefined
  // The person only accepts or declines; the form has no fields.
  const params = { mode: 'form', message: question, requestedSchema: { type: 'object', properties: {} } }
  const answers = await talk.ask({ [KEY]: { of: 'elicitation', params } }, { question })
  if (answers instanceof NeedsInput) return answers
  if (answers[KEY]?.['action'] === 'accept' && talk.state?.['question'] === question) return undefined
  throw new Fault('forbidden', `the user was asked ${JSON.stringify(question)} and did not agree; nothing was done`)
}

/** Returns the question, asked through the gate like the call: same input, same credential, same limits. */
async function questionOf(op: Operation, request: Request, gate: Gate): Promise<string | undefined> {
  const confirm = op.tool?.confirm
  if (confirm === undefined) return undefined
  let question: string | undefined
  const asking: Operation = {
    ...op,
    run: async (input, call) => {
      const asked = await confirm(input, call)
      question = asked && shownText(asked)
      return {}
    },
  }
  await gate.invoke(asking, request)
  return question
}

/** Returns a fault as a refusal, where the answer has no form for failures. Pure. */
export function refusalOfGate(fault: Fault, op: Operation, { caller, speaker, requestId }: McpCall): RpcError {
  if (isAdmission(fault)) return admissionRefusal(fault, requestId)
  if (speaker.era === 'modern' && !mayUse(caller, op.scope)) return scopeRefusal(op)
  return bareFailure(fault, requestId)
}

/** Returns the modern transport's form of a lacking scope: 403 with a challenge. */
function scopeRefusal(op: Operation): RpcError {
  return {
    status: 403,
    code: RPC.failed,
    message: `this credential does not allow ${op.name}: it lacks the scope "${op.scope}"`,
    data: { code: 'forbidden', scope: op.scope },
    headers: {
      'www-authenticate': `Bearer realm="workspace-runtime", error="insufficient_scope", scope="${op.scope}"`,
    },
  }
}

/**
 * True for the gate's own 429, which concerns the credential and not the tool. A tool's 429 (all exec slots taken) is
 * for the model; this one is for the client's transport, with Retry-After (protocol.md#statuses).
 */
function isAdmission(fault: Fault): boolean {
  const unit = fault.details?.['unit']
  return fault.code === 'rate_limited' && typeof unit === 'string' && unit.startsWith('calls')
}

function admissionRefusal(fault: Fault, requestId: string): RpcError {
  const refusal = bareFailure(fault, requestId)
  return { ...refusal, status: fault.status, headers: { 'retry-after': String(fault.retryAfter ?? 1) } }
}
