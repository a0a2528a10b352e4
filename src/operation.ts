// An operation is one value, declared once: what can be asked, in which shape, under which limits, and the
// function that answers. REST, MCP, the table of docs/api.md and the error texts are projections of it.

import type { Static, TObject } from 'typebox'
import type { Daemon } from './daemon.ts'
import type { ForeignSchema } from './foreign/foreign-schema.ts'
import type { JsonText } from './base/json-text.ts'
import type { Access } from './workspace/files/opening/access.ts'
import type { Workspace } from './workspace/workspace.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What a credential must allow (protocol.md#scopes); `none` is open to every credential. */
export type Scope = 'files:read' | 'files:write' | 'search' | 'exec' | 'terminal' | 'watch' | 'proxy' | 'admin' | 'none'

export interface Route<I> {
  readonly method: Method
  /** Segments beginning with ":" are input fields: `/exec/:id`. */
  readonly path: string
  /** Status of success; 200 unless given. */
  readonly status?: 200 | 201
  /** Input that this route settles itself, whatever the caller sends. */
  readonly fixed?: Partial<I>
  /**
   * `bytes`: the body is not JSON but the call's byte stream, whatever its content type. `either`: a JSON object with
   * one of the input's fields is read as fields, any other body is the call's bytes; at most 2 MiB of it.
   */
  readonly body?: 'json' | 'bytes' | 'either'
  /** Request headers, in lower case, that are input fields; a header beats a query field of that name. */
  readonly headers?: Readonly<Record<string, keyof I & string>>
  /**
   * Media types that a successful answer may have; `application/json`, the body of protocol.md#replies, unless given.
   */
  readonly answers?: string | readonly string[]
  /** The path's `name` is a tool, which the call is of. */
  readonly callsTool?: true
  /** Not below /runtimes/<id>: what it tells of is the daemon, whatever it speaks for (protocol.md#targets). */
  readonly rootOnly?: true
}

/** How a tool's value reads as text made for a model (transports/mcp/text renders them). */
export type TextForm =
  | 'file'
  | 'matches'
  | 'paths'
  | 'command'
  | 'screen'
  | 'written'
  | 'deleted'
  | 'listing'
  | 'facts'
  | 'commands'
  | 'input'
  | 'terminal'
  | 'terminals'
  | 'watcher'
  | 'watchers'

/** What is different for a tool in the result format `text` (protocol.md#text-format). */
export interface TextFormat<I> {
  /** None: the value stays JSON. */
  readonly form?: TextForm
  /** Defaults that differ from those of the tool: shorter, readable. */
  readonly defaults?: Partial<I>
  /** The most that fields may be: a larger value counts as this one, since no more would be shown. */
  readonly most?: Readonly<Record<string, number>>
  /** The tool that shows what is left out; this one unless given. */
  readonly more?: string
  /** The tool whose command shows the rest of a line that is too long. */
  readonly moreOfLine?: string
}

/** Fields of an input or of an answer, by name. */
export type Fields = Readonly<Record<string, unknown>>

/** How the answer of a tool that is too long for one message becomes shorter (transports/mcp/fit.ts). Pure. */
export interface Fit {
  /**
   * Arguments that ask the same for about `share`, below 1, of what came; undefined where there is no asking for less.
   * Only a tool that changes nothing is asked again.
   */
  readonly less?: (came: Fields, asked: Fields, share: number) => Fields | undefined
  /** The answer in at most `room` bytes of JSON. Without it the longest parts lose their ends. */
  readonly cut?: (came: Fields, room: number) => Fields
  /** What a shortened answer says besides: that something is missing, and the call that gets it. */
  readonly marks?: (short: Fields, asked: Fields, came: Fields) => Fields
  /** What an answer that was not shortened says besides, where the operation's own limits left something out. */
  readonly rest?: (came: Fields, asked: Fields) => Fields
}

/** The annotations of MCP (2026-07-28, tools). */
export interface Hints {
  readonly readOnly: boolean
  readonly destructive: boolean
  readonly idempotent: boolean
  readonly openWorld: boolean
}

export interface Tool<I> {
  readonly hints: Hints
  /** Text for a model: when to use this and when another tool; below 600 characters. */
  readonly description: string
  /** Defaults that differ from the REST ones (protocol.md#tools: create_dirs). */
  readonly defaults?: Partial<I>
  readonly text?: TextFormat<I>
  readonly fit?: Fit
  /** What a person is asked before it runs, where that is wanted (`mcp.confirm`); undefined: nothing to ask. */
  readonly confirm?: (input: I, call: Call) => Promise<string | undefined>
  /** Hints for single clients, as `_meta` of the tool's listing. */
  readonly meta?: Readonly<Record<string, unknown>>
  /** Input fields that only REST has. */
  readonly hidden?: readonly (keyof I & string)[]
  /** Named: the operation is off, over REST too, until this toolset is asked for (protocol.md#choices). */
  readonly toolset?: string
  /** With a toolset, `always`: the tool alone is off until then; the routes are there whatever is switched on. */
  readonly routed?: 'always'
}

/**
 * One event of a stream. `bytes` travels as base64 in `data`; `rendered` is finished NDJSON lines. The memory
 * of either is the reader's until it asks for the next frame; whoever keeps it longer copies it.
 */
export type Frame =
  | { readonly event: string; readonly data: Readonly<Record<string, unknown>> }
  | { readonly event: string; readonly bytes: Uint8Array }
  | { readonly rendered: Uint8Array }

/** An answer that arrives in frames. The transport pulls; ending the iterator early releases everything. */
export class EventStream {
  readonly format: 'sse' | 'ndjson'
  readonly frames: AsyncIterable<Frame>
  /** The client's leaving has no effect on what runs; the stream alone is released. */
  constructor(format: 'sse' | 'ndjson', frames: AsyncIterable<Frame>) {
    this.format = format
    this.frames = frames
  }
}

/** An answer that is bytes: what stands at its head, and chunks that the transport pulls. */
export class ByteStream {
  readonly head: ByteHead
  /**
   * `return` of its iterator is called in any case and releases everything, also before the first item (HEAD): a
   * bare generator does not do that for what is open already. A chunk's memory is the reader's until it asks for the
   * next one, when the system has the chunk: the source may use it again then.
   */
  readonly chunks: AsyncIterable<Uint8Array>
  constructor(head: ByteHead, chunks: AsyncIterable<Uint8Array>) {
    this.head = head
    this.chunks = chunks
  }
}

/** One part of an answer as MCP has it (2025-11-25, tools: content): text, image, audio, a resource or a link to one. */
export interface ContentBlock {
  readonly type: string
  readonly [field: string]: unknown
}

/** An answer of content blocks. REST answers them as `content`, MCP hands them on as they are, within its budget. */
export class Blocks {
  readonly content: readonly ContentBlock[]
  /** The same for programs. */
  readonly structured: Fields | undefined
  /** True where the tool itself says that it has failed: a result, not a fault. */
  readonly failed: boolean
  constructor(
    content: readonly ContentBlock[],
    more: { readonly structured?: Fields; readonly failed?: boolean } = {},
  ) {
    this.content = content
    this.structured = more.structured
    this.failed = more.failed ?? false
  }
}

export interface ByteHead {
  /** 200 unless given. */
  readonly status?: 200 | 206 | 304
  /** Names in lower case; `content-type` among them, except with 304. */
  readonly headers: Readonly<Record<string, string>>
  /** Bytes that the chunks have together, exactly; undefined where nobody knows yet. */
  readonly size?: number
  /** Asked after the last chunk, without `size`: what could not be known at the head, whose `trailer` names it. */
  readonly trailers?: () => Readonly<Record<string, string>>
}

/** What surrounds one run of an operation. */
export interface Call {
  readonly workspace: Workspace
  /** What this call may open, by its caller's rights. */
  readonly access: Access
  /** What the process knows of itself; absent where an operation is run without a daemon. */
  readonly daemon?: Daemon | undefined
  /** Aborted when the caller has left (or cancelled, in MCP's modern era), and when the daemon must stop. */
  readonly signal: AbortSignal
  /** The bytes of the request where its route takes them (`body`); over MCP undefined. */
  readonly body?: AsyncIterable<Uint8Array> | undefined
  /**
   * Takes what says where the call stands; it is asked whenever the caller is told of the progress (MCP). Absent
   * where the caller did not ask for that.
   */
  readonly progress?: ((standing: () => string | undefined) => void) | undefined
}

/** Like O, with any field allowed to be text that a worker has rendered. */
export type Rendered<O> = { [K in keyof O]: O[K] | JsonText<O[K]> }

/** Who wrote an operation: this product, the workspace's own files, or another server, by the name it has here. */
export type Origin = 'product' | 'workspace' | { readonly upstream: string }

export interface Operation<I extends TObject = TObject, O extends TObject = TObject> {
  /** snake_case; the tool's name. */
  readonly name: string
  readonly title: string
  /** One sentence. */
  readonly summary: string
  readonly scope: Scope
  /** The chapter it belongs to in runtime://guide, and its tag in the API description; "More" unless given. */
  readonly area?: string
  /** The label under which its calls are counted, one of few; see `familyOf`. */
  readonly family?: string
  /** The author of its texts; the product unless given. */
  readonly origin?: Origin
  /** Answered without a credential, and without `success` (protocol.md#auth: health alone). */
  readonly open?: true
  readonly input: I
  /** Of another author: the schema of the whole input, read strictly. `input` has no fields then. */
  readonly foreignInput?: ForeignSchema
  readonly output: O
  /** True: it answers Blocks, whose form `output` does not say. */
  readonly blocks?: true
  /** Other names of input fields; where both are given the alias wins (protocol.md#tolerant-input). */
  readonly aliases?: Readonly<Record<string, keyof Static<I> & string>>
  readonly routes: readonly Route<Static<I>>[]
  readonly tool?: Tool<Static<I>>
  /** Statuses other than success and the general ones (400, 401, 403, 413, 429, 500, 503). */
  readonly statuses?: readonly number[]
  /** What a client of REST must know besides: the events of a stream, for example. */
  readonly remarks?: string
  /** An input as a client may send it, for the API description (which a test sends). */
  readonly example?: Partial<Static<I>>
  readonly run: (input: Static<I>, call: Call) => Promise<Rendered<Static<O>> | EventStream | ByteStream | Blocks>
}

/** The toolset that stands for the tools which a start without a choice gives. */
export const DEFAULT_SET = 'default'

/** The set a tool belongs to: its toolset, else the first part of its scope: files, search, exec … */
export function setOf(op: Operation): string {
  return op.tool?.toolset ?? op.scope.split(':', 1)[0] ?? op.scope
}

/** The chapter of an operation. */
export function areaOf(op: Pick<Operation, 'area'>): string {
  return op.area ?? 'More'
}

/**
 * The label under which calls of `op` are counted: its `family`, else the name of a built-in operation, else the kind
 * of its origin. Names that come and go are never labels.
 */
export function familyOf({ family, name, origin = 'product' }: Pick<Operation, 'family' | 'name' | 'origin'>): string {
  if (family !== undefined) return family
  return origin === 'product' ? name : origin === 'workspace' ? 'workspace' : 'upstream'
}

/** Declares an operation; exists so that `run` sees the types of its own schemas. */
export function operation<I extends TObject, O extends TObject>(declared: Operation<I, O>): Operation<I, O> {
  return declared
}
