// What a server offers, as the engine sees it: tools, prompts, resources, and what tells of their changes. The
// product's is made from the catalogue (product.ts); the public suite's fixture is another (fixture/).

import type { Caller } from '../../../caller.ts'
import type { Choices } from './choices.ts'
import type { Era, Speaker } from './revision.ts'
import type { Page } from './paging.ts'
import type { RpcError, Params, RequestId } from './json-rpc.ts'
import type { MessageOutlet, Progress } from './stream.ts'
import type { NeedsAbility, NeedsInput, Talk } from './asking.ts'

export interface Registry {
  /** Declared at the handshake or by discover: only what is served in that era. */
  capabilities(era: Era): Readonly<Record<string, object>>
  readonly tools: ToolOffer
  readonly prompts: PromptOffer
  readonly resources: ResourceOffer
  readonly changes: ChangeSource
}

export interface ToolOffer {
  /** What the description of the server names. */
  names(caller: Caller, choices: Choices): readonly string[]
  /** Toolsets that a caller may choose. */
  readonly sets: readonly string[]
  /** All of them; they fit on one page. */
  list(exchange: McpCall): readonly object[]
  call(exchange: McpCall): Promise<MethodAnswer>
}

export interface PromptDescription {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly arguments?: readonly { readonly name: string; readonly description?: string; readonly required?: boolean }[]
}

export interface PromptOffer {
  list(exchange: McpCall): Promise<readonly PromptDescription[]>
  /** Undefined where there is no prompt of that name. */
  get(name: string, args: Readonly<Record<string, string>>, exchange: McpCall): Promise<MethodAnswer | undefined>
  /** Values for an argument that begin as `value` does. */
  complete(name: string, argument: CompletedArgument, exchange: McpCall): Promise<readonly string[]>
}

export interface CompletedArgument {
  readonly name: string
  readonly value: string
}

export interface ResourceDescription {
  readonly uri: string
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly mimeType?: string
}

export interface TemplateDescription extends Omit<ResourceDescription, 'uri'> {
  readonly uriTemplate: string
}

export interface ResourceOffer {
  list(cursor: string | undefined, exchange: McpCall): Promise<Page<ResourceDescription> | undefined>
  templates(exchange: McpCall): readonly TemplateDescription[]
  /** Undefined where there is nothing at that address. */
  read(uri: string, exchange: McpCall): Promise<MethodAnswer | undefined>
  complete(template: string, argument: CompletedArgument, exchange: McpCall): Promise<readonly string[]>
  /** Answers resources/subscribe of the older revisions, which have no channel here to tell of a change. */
  readonly takesSubscribe?: true
}

/** What a listener wants to hear of (2026-07-28, subscriptions). */
export interface Wish {
  readonly toolsListChanged?: true
  readonly promptsListChanged?: true
  readonly resourcesListChanged?: true
  readonly resourceSubscriptions?: readonly string[]
}

export type Change =
  { readonly kind: 'tools' | 'prompts' | 'resources' } | { readonly kind: 'resource'; readonly uri: string }

export interface Listening extends AsyncDisposable {
  /** What of the wish is served. */
  readonly granted: Wish
}

/** The client that wants to hear of changes. */
export type Listener = Pick<McpCall, 'caller' | 'requestId' | 'choices'>

export interface ChangeSource {
  /** Calls `tell` for each change until disposed. */
  listen(wish: Wish, listener: Listener, tell: (change: Change) => void): Promise<Listening>
}

// What a method is and what it is handed: one request in its surroundings, and the forms of an answer.

/** One request, as its handler sees it. */
export interface McpCall {
  readonly id: RequestId
  readonly params: Params
  readonly speaker: Speaker
  readonly caller: Caller
  readonly requestId: string
  readonly choices: Choices
  /** What goes ahead of the answer. */
  readonly outlet: MessageOutlet
  /** Undefined where the caller did not ask for it. */
  readonly progress: Progress | undefined
  /** Aborted when the caller cancels in the way its era has for that. */
  readonly signal: AbortSignal
  /** For handlers that log, ask back or tell steps. */
  talk(): Talk
}

export type MethodAnswer = { readonly result: object } | { readonly refusal: RpcError } | NeedsInput | NeedsAbility

export interface Method {
  readonly eras: readonly Era[]
  /** Modern results of this method say how long they may be kept: lists a while, contents not at all. */
  readonly cached?: 'list' | 'read'
  /** May take a while or ask back: its answer can be a stream, with progress. */
  readonly long?: true
  run(exchange: McpCall): MethodAnswer | Promise<MethodAnswer>
}
