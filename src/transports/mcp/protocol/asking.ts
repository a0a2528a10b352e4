// Abilities of a tool or prompt while it answers, the same in every era: report progress, log, and ask the client's
// user, model or roots. In the older revisions the question goes out on the stream of the call. In the modern one the
// call ends with its questions, and the client repeats it with the answers (input_required).

import type { Caller } from '../../../caller.ts'
import type { Speaker } from './revision.ts'
import { isObject, type Params, type RpcResponse } from './json-rpc.ts'
import { notification, type MessageOutlet, type Question, type Progress } from './stream.ts'
import type { Seal } from './sealed-state.ts'
import { freshRandom } from '../../../base/fresh-random.ts'
import { type End, waitFor } from '../../../base/waiting.ts'

/** Party that can be asked, by the name of the client's capability. */
export type Ability = 'elicitation' | 'sampling' | 'roots'

const METHODS = { elicitation: 'elicitation/create', sampling: 'sampling/createMessage', roots: 'roots/list' } as const

export interface Inquiry {
  readonly of: Ability
  readonly params: object
}

export type Inquiries = Readonly<Record<string, Inquiry>>
export type Answers = Readonly<Record<string, Params>>

/** Returned instead of an answer when the call needs input from the client. */
export class NeedsInput {
  readonly requests: object
  readonly requestState: string | undefined
  constructor(requests: object, requestState: string | undefined) {
    this.requests = requests
    this.requestState = requestState
  }
}

/** Returned instead of an answer when the client lacks an ability that the call needs. */
export class NeedsAbility {
  readonly ability: Ability
  constructor(ability: Ability) {
    this.ability = ability
  }
}

export type LogLevel = 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical' | 'alert' | 'emergency'
export const LOG_LEVELS: readonly string[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] satisfies LogLevel[]

export interface Talk {
  readonly signal: AbortSignal
  /** True if the result carries the questions and the client repeats the call with the answers. */
  readonly modern: boolean
  progress(done: number, total: number, message?: string): void
  log(level: LogLevel, text: string): void
  /** True unless the client said that it lacks the ability. */
  can(ability: Ability): boolean
  /**
   * Asks all of `inquiries`. With `state`, answers count only together with the state of their questions, which comes
   * back as `state` of the next try.
   */
  ask(inquiries: Inquiries, state?: object): Promise<Answers | NeedsInput>
  /** State that the last try kept; undefined at the first. */
  readonly state: Params | undefined
}

export interface TalkParts {
  readonly caller: Caller
  readonly speaker: Speaker
  readonly params: Params
  readonly outlet: MessageOutlet
  readonly progress: Progress | undefined
  readonly signal: AbortSignal
  readonly questions: PendingQuestions
  readonly seal: Seal
  /** Returns a name of this call of this caller; undefined if the call cannot be named. */
  readonly binding: () => string | undefined
  /** State that came with the request and was verified. */
  readonly state: object | undefined
}

const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities'
const LEVEL_KEY = 'io.modelcontextprotocol/logLevel'

export function openTalk(parts: TalkParts): Talk {
  const { speaker, params, outlet, progress, signal } = parts
  const modern = speaker.era === 'modern'
  const meta = isObject(params['_meta']) ? params['_meta'] : {}
  const can = (ability: Ability): boolean =>
    modern ? isObject(meta[CAPABILITIES_KEY]) && isObject(meta[CAPABILITIES_KEY][ability]) : outlet.streams
  return {
    signal,
    modern,
    state: isObject(parts.state) ? parts.state : undefined,
    can,
    progress: (done, total, message) => progress?.step(done, total, message),
    log(level, text) {
      // A modern request names the lowest level that it wants; without one it gets no messages (2026-07-28, logging).
      const wanted = modern ? meta[LEVEL_KEY] : 'debug'
      if (typeof wanted !== 'string' || !LOG_LEVELS.includes(wanted)) return
      if (LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(wanted)) {
        outlet.send(notification('notifications/message', { level, data: text }))
      }
    },
    ask: (inquiries, state) =>
      modern ? Promise.resolve(comeAgain(parts, inquiries, state)) : inPerson(parts, inquiries),
  }
}

/** Returns the answers that came with this try, or the questions for the next one. */
function comeAgain(parts: TalkParts, inquiries: Inquiries, state: object | undefined): Answers | NeedsInput {
  const given = state === undefined || parts.state !== undefined ? parts.params['inputResponses'] : undefined
  const answers: Record<string, Params> = {}
  const missing: Record<string, object> = {}
  for (const [key, inquiry] of Object.entries(inquiries)) {
    const answer = isObject(given) && Object.hasOwn(given, key) ? given[key] : undefined
    if (isAnswer(inquiry.of, answer)) answers[key] = answer
    else missing[key] = { method: METHODS[inquiry.of], params: inquiry.params }
  }
  if (Object.keys(missing).length === 0) return answers
  const binding = state === undefined ? undefined : parts.binding()
  return new NeedsInput(missing, state && binding ? parts.seal.close(state, binding) : undefined)
}

/** Asks one question after the other; a question without an answer is left out. */
async function inPerson(parts: TalkParts, inquiries: Inquiries): Promise<Answers> {
  const answers: Record<string, Params> = {}
  for (const [key, { of, params }] of Object.entries(inquiries)) {
    const answer = await parts.questions.ask(parts.caller, parts.outlet, { method: METHODS[of], params }, parts.signal)
    if (isAnswer(of, answer)) answers[key] = answer
  }
  return answers
}

function isAnswer(of: Ability, value: unknown): value is Params {
  if (!isObject(value)) return false
  if (of === 'elicitation') return ['accept', 'decline', 'cancel'].includes(String(value['action']))
  if (of === 'sampling') return isObject(value['content']) || Array.isArray(value['content'])
  return Array.isArray(value['roots'])
}

/**
 * Questions to clients of the older revisions. They leave on the stream of the call that asks, and each answer arrives
 * in its own POST. No session joins the two, so one map for the whole process finds a question by an id that cannot be
 * guessed, and only the credential that was asked may answer.
 */
interface PendingQuestions {
  /** Resolves with the client's answer; with undefined if the client cannot be asked, refuses, or is too late. */
  ask(caller: Caller, outlet: MessageOutlet, question: Asked, signal: AbortSignal): Promise<unknown>
  /** Takes a response; true if a question waited for it. */
  answer(caller: Caller, response: RpcResponse): boolean
  readonly size: number
}

interface Asked {
  readonly method: string
  readonly params: object
}

interface ClientAnswer {
  readonly result: unknown
}

/** Bytes of a question's id, enough that it cannot be guessed. */
const ID_BYTES = 16
/** Questions open at once. */
const MOST = 1024
/** Time for an answer, in ms: a person may have to be found first. */
const PATIENCE_MS = 600_000

export function openQuestions(): PendingQuestions {
  const open = new Map<string, { caller: string; answered: End<ClientAnswer> }>()
  return {
    async ask(caller, outlet, { method, params }, signal) {
      if (open.size >= MOST || signal.aborted) return undefined
      const id = freshRandom(ID_BYTES).toString('hex')
      const message: Question = { jsonrpc: '2.0', id, method, params }
      const asking = (end: End<ClientAnswer>) => {
        open.set(id, { caller: caller.id, answered: end })
        if (!outlet.send(message)) end({ result: undefined })
        return () => void open.delete(id)
      }
      const ended = await waitFor(asking, signal, PATIENCE_MS)
      return typeof ended === 'string' ? undefined : ended.result
    },
    answer(caller, { id, result }) {
      const asked = typeof id === 'string' ? open.get(id) : undefined
      if (asked === undefined || asked.caller !== caller.id) return false
      asked.answered({ result })
      return true
    },
    get size() {
      return open.size
    },
  }
}
