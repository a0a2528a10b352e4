// The protocol engine of /mcp. It takes one parsed message and its headers, and returns a status and at most one reply;
// messages ahead of the reply go through the outlet. It climbs the entry ladder from the shape of the message to its
// method. It keeps only the calls in progress between requests, and knows no socket.

import type { Caller } from '../../../caller.ts'
import { NO_CHOICES, type Choices } from './choices.ts'
import { checkModern, speakerOf, speakerOfHeaders, type Era, type Speaker } from './revision.ts'
import {
  badParams,
  entryRefusal,
  handlerRefusal,
  RPC,
  type RpcError,
  classify,
  errorReply,
  resultReply,
  type Message,
  type Params,
  type Reply,
  type RequestId,
  type RpcRequest,
} from './json-rpc.ts'
import { CONTENT_TYPE_SENTENCE, type EntryHeaders } from './http-entry.ts'
import type { MethodAnswer, Method } from './registry.ts'
import { openListeners } from './listen.ts'
import { openMethods, type MethodParts } from './methods.ts'
import { type MessageOutlet, openProgress, progressToken } from './stream.ts'
import { openQuestions, NeedsAbility, NeedsInput, openTalk } from './asking.ts'
import { openRunningCalls, type RunningCalls } from './running-calls.ts'
import { bindingOf, openSeal } from './sealed-state.ts'

export interface Inbound {
  readonly body: unknown
  readonly headers: EntryHeaders
  readonly caller: Caller
  readonly requestId: string
  /** Choices of the caller; absent: none. */
  readonly choices?: Choices
  readonly outlet: MessageOutlet
  /** Aborted when the client has left or closed its sending side; has an effect in the modern era only. */
  readonly closed: AbortSignal
}

export interface EngineReply {
  readonly status: number
  readonly era: Era
  /** Reply; undefined for a message that is accepted without an answer. */
  readonly reply?: Reply
  readonly headers?: Readonly<Record<string, string>>
}

export interface Engine {
  handle(inbound: Inbound): Promise<EngineReply>
  readonly calls: RunningCalls
}

/** Time for which a client may keep a list or contents, in ms: after an update of the daemon old lists end soon. */
const TTL_MS = { list: 300_000, read: 0 } as const

export function openEngine(parts: MethodParts): Engine {
  const listeners = openListeners(parts.registry.changes, parts.stopping)
  const methods = openMethods(parts, listeners)
  const calls = openRunningCalls()
  const questions = openQuestions()
  const seal = openSeal()
  const meta = { 'io.modelcontextprotocol/serverInfo': parts.serverInfo }

  /** Adds the fields that every modern result has (2026-07-28, basic). */
  const complete = (result: object & { readonly _meta?: object }, method: Method): object => ({
    resultType: 'complete',
    ...result,
    ...(method.cached && { ttlMs: TTL_MS[method.cached], cacheScope: 'private' }),
    _meta: { ...result._meta, ...meta },
  })

  const run = async (
    method: Method,
    message: RpcRequest,
    inbound: Inbound,
    speaker: Speaker,
  ): Promise<MethodAnswer> => {
    const { caller, requestId, closed, outlet, choices = NO_CHOICES } = inbound
    const { id, params } = message
    const token = method.long === true && outlet.streams ? progressToken(params) : undefined
    if (method.long === true) outlet.offer()
    using progress = token === undefined ? undefined : openProgress(token, outlet)
    using call =
      speaker.era === 'modern' ? { signal: closed, [Symbol.dispose]: () => undefined } : calls.begin(caller, id, closed)
    const leaving = speaker.era === 'legacy' && inbound.headers.cancelsOnClose
    const signal = leaving ? AbortSignal.any([call.signal, closed]) : call.signal
    const binding = (): string | undefined => bindingOf(caller.id, message.method, calledOf(params))
    const sealed = method.long === true && speaker.era === 'modern' ? params['requestState'] : undefined
    const state = sealed === undefined ? undefined : opened(sealed, binding())
    if (sealed !== undefined && state === undefined) return badParams(STALE_SENTENCE)
    const talking = { params, speaker, caller, outlet, progress, signal, questions, seal, binding, state }
    const exchange = { id, params, speaker, caller, requestId, choices, outlet, progress, signal }
    return await method.run({ ...exchange, talk: () => openTalk(talking) })
  }

  const opened = (sealed: unknown, binding: string | undefined): object | undefined =>
    typeof sealed === 'string' && binding !== undefined ? seal.open(sealed, binding) : undefined

  const answer = async (message: RpcRequest, inbound: Inbound, speaker: Speaker): Promise<EngineReply> => {
    const { era } = speaker
    const method = methods.get(message.method)
    if (method === undefined || !method.eras.includes(era))
      return refused(unknownMethod(message.method, era), message.id, era)
    if (message.positional) return refused(positionalParams(), message.id, era)
    const reply = settled(await run(method, message, inbound, speaker), era)
    if ('refusal' in reply) return refused(reply.refusal, message.id, era)
    const result = era === 'modern' ? complete(reply.result, method) : reply.result
    return { status: 200, era, reply: resultReply(message.id, result) }
  }

  const tellUncancelled = (why: string, params: Params, request_id: string): void => {
    const shown = String(params['requestId']).slice(0, 100)
    parts.log?.warn('not_cancelled', { request_id, id: shown, reason: `${why} calls of this credential have that id` })
  }

  return {
    calls,
    async handle(inbound) {
      const message = classify(inbound.body)
      const speaker = speakerOf(message, inbound.headers)
      const refusal = 'era' in speaker ? climb(message, inbound.headers, speaker) : speaker
      const { era } = 'era' in speaker ? speaker : speakerOfHeaders(inbound.headers)
      if (refusal !== undefined) return refused(refusal, idOf(message), era)
      if (message.kind === 'notification' && era !== 'modern' && message.method === 'notifications/cancelled') {
        const verdict = calls.cancel(inbound.caller, message.params)
        if (verdict !== 'cancelled') tellUncancelled(verdict, message.params, inbound.requestId)
      }
      if (message.kind === 'response' && era === 'legacy') questions.answer(inbound.caller, message)
      if (message.kind !== 'request' || !('era' in speaker)) return { status: 202, era }
      return await answer(message, inbound, speaker)
    },
  }
}

const STALE_SENTENCE =
  'requestState is not one that was given out for this call, or it has expired; call again without it and inputResponses'

/** Returns the parameters of the call, without those that change from one try to the next. */
function calledOf(params: Params): object {
  const { _meta, inputResponses: _, requestState: __, ...called } = params
  return called
}

/** Turns an answer that is not ready yet into the form of the modern era. */
function settled(answer: MethodAnswer, era: Era): Exclude<MethodAnswer, NeedsInput | NeedsAbility> {
  if (answer instanceof NeedsInput) {
    const { requests, requestState } = answer
    const state = requestState === undefined ? {} : { requestState }
    return { result: { resultType: 'input_required', inputRequests: requests, ...state } }
  }
  if (!(answer instanceof NeedsAbility)) return answer
  const sentence = `the client has not declared the capability ${answer.ability}, which this call needs`
  const data = { requiredCapabilities: { [answer.ability]: {} } }
  if (era === 'modern') return { refusal: entryRefusal(RPC.missingCapability, sentence, { modern: true, data }) }
  return { refusal: handlerRefusal(RPC.failed, sentence, data) }
}

/** Checks the rungs between shape and method; the first that fails answers. */
function climb(message: Message, headers: EntryHeaders, speaker: Speaker): RpcError | undefined {
  const modern = speaker.era === 'modern'
  if (message.kind === 'malformed') return entryRefusal(RPC.invalidRequest, message.sentence, { modern })
  if (message.kind === 'response') {
    // Clients of the older revisions post answers to questions that they got on a stream.
    const sentence = 'a response came; accepted is one request or notification'
    return speaker.era === 'legacy' ? undefined : entryRefusal(RPC.invalidRequest, sentence, { modern })
  }
  if (headers.contentType === 'none' && speaker.era !== 'bare') {
    return { status: 415, code: RPC.invalidRequest, message: CONTENT_TYPE_SENTENCE }
  }
  return modern ? checkModern(message, headers) : undefined
}

export function refused(refusal: RpcError, id: RequestId | null, era: Era): EngineReply {
  const { status, headers } = refusal
  return { status, era, reply: errorReply(id, refusal), ...(headers && { headers }) }
}

function idOf(message: Message): RequestId | null {
  return message.kind === 'request' || message.kind === 'malformed' ? message.id : null
}

function unknownMethod(method: string, era: Era): RpcError {
  const sentence = `Method not found: ${JSON.stringify(method.slice(0, 100))}`
  return entryRefusal(RPC.unknownMethod, sentence, { modern: era === 'modern' })
}

function positionalParams(): RpcError {
  return { status: 200, code: RPC.invalidParams, message: 'params is an array; accepted are parameters by name' }
}
