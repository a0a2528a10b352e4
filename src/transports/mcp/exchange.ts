// What a method is and what it is handed: one request in its surroundings, and the forms of an answer.

import type { Caller } from '../../caller.ts'
import type { Choices } from './choices.ts'
import type { Era, Speaker } from './era.ts'
import type { Refusal } from './errors.ts'
import type { Params, RequestId } from './json-rpc.ts'
import type { Outlet } from './outlet.ts'
import type { Progress } from './progress.ts'
import type { NeedsAbility, NeedsInput, Talk } from './talk.ts'

/** One request, as its handler sees it. */
export interface Exchange {
  readonly id: RequestId
  readonly params: Params
  readonly speaker: Speaker
  readonly caller: Caller
  readonly requestId: string
  readonly choices: Choices
  /** What goes ahead of the answer. */
  readonly outlet: Outlet
  /** Undefined where the caller did not ask for it. */
  readonly progress: Progress | undefined
  /** Aborted when the caller cancels in the way its era has for that. */
  readonly signal: AbortSignal
  /** For handlers that log, ask back or tell steps. */
  talk(): Talk
}

export type Answer = { readonly result: object } | { readonly refusal: Refusal } | NeedsInput | NeedsAbility

export interface Method {
  readonly eras: readonly Era[]
  /** Modern results of this method say how long they may be kept: lists a while, contents not at all. */
  readonly cached?: 'list' | 'read'
  /** May take a while or ask back: its answer can be a stream, with progress. */
  readonly long?: true
  run(exchange: Exchange): Answer | Promise<Answer>
}
