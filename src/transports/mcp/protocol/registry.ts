// The offer of a server, as the engine sees it: tools, prompts, resources, and the source of their changes. The product
// makes its offer from the catalogue (product.ts); the fixture of the public suite has another.

import type { Caller } from '../../../caller.ts'
import type { Choices } from './choices.ts'
import type { Era, Speaker } from './revision.ts'
import type { Page } from './paging.ts'
import type { RpcError, Params, RequestId } from './json-rpc.ts'
import type { MessageOutlet, Progress } from './stream.ts'
import type { NeedsAbility, NeedsInput, Talk } from './asking.ts'

export interface Registry {
  /** Returns the capabilities served in that era, for the handshake or discover. */
  capabilities(era: Era): Readonly<Record<string, object>>
  readonly tools: ToolOffer
  readonly prompts: PromptOffer
  readonly resources: ResourceOffer
  readonly changes: ChangeSource
}

export interface ToolOffer {
  /** Returns the names for the description of the server. */
  names(caller: Caller, choices: Choices): readonly string[]
  /** Toolsets that a caller may choose. */
  readonly sets: readonly string[]
  /** Returns all tools; they fit on one page. */
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
  /** Resolves with undefined if there is no prompt of that name. */
  get(name: string, args: Readonly<Record<string, string>>, exchange: McpCall): Promise<MethodAnswer | undefined>
  /** Resolves with values for an argument that begin with `value`. */
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
  /** Resolves with undefined if there is nothing at that address. */
  read(uri: string, exchange: McpCall): Promise<MethodAnswer | undefined>
  complete(template: string, argument: CompletedArgument, exchange: McpCall): Promise<readonly string[]>
  /** True if it answers resources/subscribe of the older revisions, which have no channel here for changes. */
  readonly takesSubscribe?: true
}

/** Changes that a listener wants to hear of (2026-07-28, subscriptions). */
export interface Wish {
  readonly toolsListChanged?: true
  readonly promptsListChanged?: true
  readonly resourcesListChanged?: true
  readonly resourceSubscriptions?: readonly string[]
}

export type Change =
  { readonly kind: 'tools' | 'prompts' | 'resources' } | { readonly kind: 'resource'; readonly uri: string }

export interface Listening extends AsyncDisposable {
  /** Part of the wish that is served. */
  readonly granted: Wish
}

/** The client that listens. */
export type Listener = Pick<McpCall, 'caller' | 'requestId' | 'choices'>

export interface ChangeSource {
  /** Calls `tell` for each change until disposed. */
  listen(wish: Wish, listener: Listener, tell: (change: Change) => void): Promise<Listening>
}

/** One request, as its handler sees it. */
export interface McpCall {
  readonly id: RequestId
  readonly params: Params
  readonly speaker: Speaker
  readonly caller: Caller
  readonly requestId: string
  readonly choices: Choices
  /** Outlet for messages ahead of the answer. */
  readonly outlet: MessageOutlet
  /** Progress of the call; undefined if the caller did not ask for it. */
  readonly progress: Progress | undefined
  /** Aborted when the caller cancels in the way of its era. */
  readonly signal: AbortSignal
  /** Returns the talk, with which a handler logs, asks the client or reports steps. */
  talk(): Talk
}

export type MethodAnswer = { readonly result: object } | { readonly refusal: RpcError } | NeedsInput | NeedsAbility

export interface Method {
  readonly eras: readonly Era[]
  /** Kind of a modern result that tells how long a client may keep it: a list a while, contents not at all. */
  readonly cached?: 'list' | 'read'
  /** True if the method may be slow or ask the client: its answer can be a stream, with progress. */
  readonly long?: true
  run(exchange: McpCall): MethodAnswer | Promise<MethodAnswer>
}
