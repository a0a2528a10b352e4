// An operation is one value, declared once: its input, its limits, and the function that answers. REST, MCP, the table
// of docs/api.md and the error texts are projections of it.

import type { Static, TObject } from 'typebox'
import type { Daemon } from './daemon.ts'
import type { ForeignSchema } from './foreign/foreign-schema.ts'
import type { JsonText } from './base/json-text.ts'
import type { Access } from './workspace/files/opening/access.ts'
import type { Workspace } from './workspace/workspace.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Right that a credential must have (protocol.md#scopes); `none` is open to every credential. */
export type Scope = 'files:read' | 'files:write' | 'search' | 'exec' | 'terminal' | 'watch' | 'proxy' | 'admin' | 'none'

export interface Route<I> {
  readonly method: Method
  /** Path of the route. Segments beginning with ":" are input fields: `/exec/:id`. */
  readonly path: string
  /** Status of success; 200 unless given. */
  readonly status?: 200 | 201
  /** Input that this route sets itself; it beats the client's input. */
  readonly fixed?: Partial<I>
  /**
   * `bytes`: the body is the call's byte stream, not JSON; its content type does not count. `either`: a JSON object
   * with one of the input's fields is read as fields, any other body is the call's bytes, at most 2 MiB.
   */
  readonly body?: 'json' | 'bytes' | 'either'
  /** Request headers, in lower case, that are input fields; a header beats a query field of that name. */
  readonly headers?: Readonly<Record<string, keyof I & string>>
  /**
   * Media types that a successful answer may have; `application/json`, the body of protocol.md#replies, unless given.
   */
  readonly answers?: string | readonly string[]
  /** True if the path's `name` is the tool that is called. */
  readonly callsTool?: true
  /** True if no route exists below /runtimes/<id>, because it tells of the daemon itself (protocol.md#targets). */
  readonly rootOnly?: true
}

/** Form in which a tool's value becomes text for a model (transports/mcp/text renders it). */
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

/** Differences of a tool in the result format `text` (protocol.md#text-format). */
export interface TextFormat<I> {
  /** Form of the text; absent: the value stays JSON. */
  readonly form?: TextForm
  /** Defaults that differ from those of the tool, so that the text is shorter and readable. */
  readonly defaults?: Partial<I>
  /** Largest values of fields: a larger value counts as this one, because the text would show no more. */
  readonly most?: Readonly<Record<string, number>>
  /** Tool that shows the rest; this one unless given. */
  readonly more?: string
  /** Tool whose command shows the rest of a line that is too long. */
  readonly moreOfLine?: string
}

/** Fields of an input or of an answer, by name. */
export type Fields = Readonly<Record<string, unknown>>

/** Functions that shorten an answer which is too long for one message (transports/mcp/product/fit.ts). Pure. */
export interface Fit {
  /**
   * Returns arguments that ask for about `share`, below 1, of the answer `came`; undefined if less cannot be asked for.
   * Only a tool that changes nothing is asked again.
   */
  readonly less?: (came: Fields, asked: Fields, share: number) => Fields | undefined
  /** Returns the answer in at most `room` bytes of JSON. If absent, the longest parts lose their ends. */
  readonly cut?: (came: Fields, room: number) => Fields
  /** Returns fields for a shortened answer: that something is missing, and the call that gets it. */
  readonly marks?: (short: Fields, asked: Fields, came: Fields) => Fields
  /** Returns fields for an answer that was not shortened but that the operation's own limits cut. */
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
  /** Text for a model: when to use this tool and when another one; below 600 characters. */
  readonly description: string
  /** Defaults that differ from the REST ones (protocol.md#tools: create_dirs). */
  readonly defaults?: Partial<I>
  readonly text?: TextFormat<I>
  readonly fit?: Fit
  /** Returns the question for a person before the tool runs (`mcp.confirm`); undefined: nothing to ask. */
  readonly confirm?: (input: I, call: Call) => Promise<string | undefined>
  /** Hints for particular clients, as `_meta` of the tool's listing. */
  readonly meta?: Readonly<Record<string, unknown>>
  /** Input fields that only REST has. */
  readonly hidden?: readonly (keyof I & string)[]
  /** Toolset that must be chosen first; until then the operation is off, over REST too (protocol.md#choices). */
  readonly toolset?: string
  /** `always`, with a toolset: only the tool is off until then; the routes exist with every choice. */
  readonly routed?: 'always'
}

/**
 * One event of a stream. `bytes` travels as base64 in `data`; `rendered` is finished NDJSON lines. The reader owns the
 * memory of either until it asks for the next frame, and copies what it keeps longer.
 */
export type Frame =
  | { readonly event: string; readonly data: Readonly<Record<string, unknown>> }
  | { readonly event: string; readonly bytes: Uint8Array }
  | { readonly rendered: Uint8Array }

/** An answer that arrives in frames. The transport pulls; ending the iterator early releases everything. */
export class EventStream {
  readonly format: 'sse' | 'ndjson'
  readonly frames: AsyncIterable<Frame>
  /** A client that leaves releases the stream alone; the command or watcher behind it goes on. */
  constructor(format: 'sse' | 'ndjson', frames: AsyncIterable<Frame>) {
    this.format = format
    this.frames = frames
  }
}

/** An answer of bytes: a head, and chunks that the transport pulls. */
export class ByteStream {
  readonly head: ByteHead
  /**
   * The transport always calls `return` of its iterator, also before the first item (HEAD), and `return` releases
   * everything. A bare generator does not do that for what is open already. The reader owns a chunk's memory until it
   * asks for the next chunk, when the kernel has the bytes; then the source may use it again.
   */
  readonly chunks: AsyncIterable<Uint8Array>
  constructor(head: ByteHead, chunks: AsyncIterable<Uint8Array>) {
    this.head = head
    this.chunks = chunks
  }
}

/** One part of an answer in MCP (2025-11-25, tools: content): text, image, audio, a resource or a link to one. */
export interface ContentBlock {
  readonly type: string
  readonly [field: string]: unknown
}

/** An answer of content blocks. REST sends them as `content`; MCP sends them unchanged, within its budget. */
export class Blocks {
  readonly content: readonly ContentBlock[]
  /** The same answer for programs. */
  readonly structured: Fields | undefined
  /** True if the tool itself reports a failure: that is a result, not a fault. */
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
  /** HTTP status; 200 unless given. */
  readonly status?: 200 | 206 | 304
  /** Names in lower case; `content-type` among them, except with 304. */
  readonly headers: Readonly<Record<string, string>>
  /** Exact sum of the bytes of all chunks; undefined while the source does not know it. */
  readonly size?: number
  /** Returns the fields that the head could not have, after the last chunk; the head's `trailer` names them. */
  readonly trailers?: () => Readonly<Record<string, string>>
}

/** Surroundings of one run of an operation. */
export interface Call {
  readonly workspace: Workspace
  /** Access to files and processes that the caller's rights give this call. */
  readonly access: Access
  /** Facts about the process; absent if an operation runs without a daemon. */
  readonly daemon?: Daemon | undefined
  /** Aborted when the caller has left (or cancelled, in MCP's modern era), and when the daemon must stop. */
  readonly signal: AbortSignal
  /** Bytes of the request if its route takes them (`body`); undefined over MCP. */
  readonly body?: AsyncIterable<Uint8Array> | undefined
  /**
   * Registers the function that says how far the call is; the transport calls it for each progress message (MCP).
   * Absent if the caller did not ask for progress.
   */
  readonly progress?: ((standing: () => string | undefined) => void) | undefined
}

/** The type O, in which each field may be text that a worker has rendered. */
export type Rendered<O> = { [K in keyof O]: O[K] | JsonText<O[K]> }

/** Author of an operation: this product, the workspace's own files, or another server, by the name it has here. */
export type Origin = 'product' | 'workspace' | { readonly upstream: string }

export interface Operation<I extends TObject = TObject, O extends TObject = TObject> {
  /** Name in snake_case; also the tool's name. */
  readonly name: string
  readonly title: string
  /** Summary in one sentence. */
  readonly summary: string
  readonly scope: Scope
  /** Chapter in runtime://guide, and tag in the API description; "More" unless given. */
  readonly area?: string
  /** Label under which its calls are counted, one of few; see `familyOf`. */
  readonly family?: string
  /** Author of its texts; the product unless given. */
  readonly origin?: Origin
  /** True if it is answered without a credential, and without `success` (protocol.md#auth: health alone). */
  readonly open?: true
  readonly input: I
  /** Schema of the whole input by another author, read strictly; `input` has no fields then. */
  readonly foreignInput?: ForeignSchema
  readonly output: O
  /** True if it answers Blocks, whose form `output` does not describe. */
  readonly blocks?: true
  /** Other names of input fields; if both are given, the alias wins (protocol.md#tolerant-input). */
  readonly aliases?: Readonly<Record<string, keyof Static<I> & string>>
  readonly routes: readonly Route<Static<I>>[]
  readonly tool?: Tool<Static<I>>
  /** Statuses besides success and the general ones (400, 401, 403, 413, 429, 500, 503). */
  readonly statuses?: readonly number[]
  /** Further facts for a client of REST, such as the events of a stream. */
  readonly remarks?: string
  /** Input as a client may send it, for the API description; a test sends it. */
  readonly example?: Partial<Static<I>>
  readonly run: (input: Static<I>, call: Call) => Promise<Rendered<Static<O>> | EventStream | ByteStream | Blocks>
}

/** The toolset of the tools that a daemon offers if no choice is made. */
export const DEFAULT_SET = 'default'

/** Returns the set of a tool: its toolset, else the first part of its scope: files, search, exec … */
export function setOf(op: Operation): string {
  return op.tool?.toolset ?? op.scope.split(':', 1)[0] ?? op.scope
}

/** Returns the chapter of an operation. */
export function areaOf(op: Pick<Operation, 'area'>): string {
  return op.area ?? 'More'
}

/**
 * Returns the label under which calls of `op` are counted: its `family`, else the name of a built-in operation, else
 * the kind of its origin. Names that come and go are never labels.
 */
export function familyOf({ family, name, origin = 'product' }: Pick<Operation, 'family' | 'name' | 'origin'>): string {
  if (family !== undefined) return family
  return origin === 'product' ? name : origin === 'workspace' ? 'workspace' : 'upstream'
}

/** Declares an operation; it exists so that `run` sees the types of its own schemas. */
export function operation<I extends TObject, O extends TObject>(declared: Operation<I, O>): Operation<I, O> {
  return declared
}
