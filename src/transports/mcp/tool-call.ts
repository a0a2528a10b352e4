// tools/call: from a name and arguments to one run through the gate, and its answer in the form that the
// caller's protocol has for success, failure and refusal.

import { mayUse } from '../../caller.ts'
import { ByteStream, EventStream, type Fields, type Operation } from '../../operation.ts'
import { Fault } from '../../base/fault.ts'
import type { Gate } from '../../invoke.ts'
import { successBody } from '../reply.ts'
import { budgetOf } from './budget.ts'
import { takesStructured } from './era.ts'
import { handlerRefusal, RPC, type Refusal } from './errors.ts'
import { admissionRefusal, isAdmission, scopeRefusal } from './gate-refusals.ts'
import { isObject } from './json-rpc.ts'
import type { Answer, Exchange } from './exchange.ts'
import { confirmed } from './confirmation.ts'
import { fitted } from './fit.ts'
import { bounded } from './text/bounded.ts'
import { textFailure, textResult } from './text/text-result.ts'
import { defaultsOf, type Tools } from './tool-listing.ts'
import { bareFailure, toolFailure, toolResult } from './tool-result.ts'

export async function callTool(exchange: Exchange, tools: Tools, gate: Gate, confirms = false): Promise<Answer> {
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
    const run = async (more: Fields): Promise<Fields> => {
      const { value, ignored } = await gate.invoke(op, { ...request, raw: { ...raw, ...more } })
      if (value instanceof EventStream || value instanceof ByteStream) throw streamed(op)
      return successBody(value, ignored)
    }
    const budget = budgetOf(exchange.choices.maxResultBytes)
    const structured = takesStructured(speaker)
    const body = await run({})
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

function readCall({ params, choices }: Exchange, tools: Tools): Call | { readonly refusal: Refusal } {
  const name = params['name']
  if (typeof name !== 'string') return invalid('params.name is missing or not a string; accepted is the name of a tool')
  const op = tools.find(name, choices)
  if (typeof op === 'string') return invalid(op)
  const raw = params['arguments'] ?? {} // clients leave it out where a tool needs none
  if (!isObject(raw)) return invalid('params.arguments is not an object; accepted are the arguments by name')
  return { op, raw }
}

function invalid(sentence: string): { readonly refusal: Refusal } {
  return { refusal: handlerRefusal(RPC.invalidParams, sentence) }
}

/** Tools hide the fields that ask for a stream, so this is a defect of a declaration. */
function streamed(op: Operation): Fault {
  return new Fault(
    'internal_error',
    `${op.name} answers with a stream here, which MCP cannot carry; use the REST route`,
  )
}
