// Listings (protocol.md#files): `listFiles` answers one reply, `streamFiles` a stream. Both make a walk of the request;
// the walker renders the entries, and its batches become the reply or the frames. No entry is parsed here.

import { bytesOfText, shownText } from '../../base/bytes-text.ts'
import { Fault } from '../../base/fault.ts'
import { JsonText } from '../../base/json-text.ts'
import { folded } from '../../threads/walk/fold.ts'
import { expandPatterns } from '../../threads/walk/pattern-list.ts'
import type { ListJob, WalkSummary } from '../../threads/walk/walk-job.ts'
import type { Access } from '../files/opening/access.ts'
import type { Walk } from './walker-thread.ts'
import type { Walkers } from './walkers.ts'

/** Entries of one listing; a stream has no cap (protocol.md#files). */
export const ENTRY_CAP = 50_000
/** Bytes of file content in one listing (protocol.md#files). */
export const CONTENT_BUDGET = 50 * 1024 * 1024

export interface ListRequest {
  readonly path: string
  readonly nested: boolean
  readonly flatten: boolean
  readonly light: boolean
  readonly include_hash: boolean
  readonly include_content: boolean
  readonly include_extensions: boolean
  readonly code_files_only: boolean
  readonly use_gitignore: boolean
  readonly no_gitignore?: boolean
  readonly max_depth: number
  readonly path_filter: string
  readonly include_ext: readonly string[]
  readonly ignore_patterns: readonly string[]
  readonly max_content_budget: number
  readonly max_entries?: number
  readonly offset?: number
}

/** The type of an entry; the walker renders entries as JSON text. */
export interface Entry {
  readonly name: string
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink'
}

/** Facts about a listing besides its entries; each is present only if it applies. */
export interface ListingRemarks {
  readonly truncated?: true
  readonly cut_at?: string
  readonly depth_limited?: true
  readonly errors?: number
  readonly unreadable?: string[]
}

/**
 * Resolves with the whole listing. Rejects with `not_found`, `bad_request`, `forbidden`, `rate_limited`, `unavailable`.
 */
export async function listFiles(walkers: Walkers, request: ListRequest, signal: AbortSignal, access?: Access) {
  const shape = request.nested && !request.flatten ? 'tree' : 'flat'
  const { chunks, summary } = await walkers.gather(listJob(request, shape, walkers), signal, access)
  const entries = new JsonText<Entry[]>([OPEN, ...chunks, CLOSE])
  return { path: request.path, entries, count: summary.count, ...remarks(summary, request.nested) }
}

const OPEN = Buffer.from('[')
const CLOSE = Buffer.from(']')

/** A frame of the stream: an event, or lines that the walker has rendered. */
export type ListFrame =
  { readonly event: string; readonly data: Readonly<Record<string, unknown>> } | { readonly rendered: Uint8Array }

/** Resolves with the listing as lines. The root is opened before this resolves, so a refusal comes with a status. */
export async function streamFiles(
  walkers: Walkers,
  request: ListRequest,
  signal: AbortSignal,
  access?: Access,
): Promise<AsyncIterable<ListFrame>> {
  const walk = await walkers.open(listJob(request, 'lines', walkers), signal, access)
  return frames(walk, request, signal)
}

async function* frames(walk: Walk, request: ListRequest, signal: AbortSignal): AsyncGenerator<ListFrame> {
  await using _ = walk
  const { path } = request
  const bytes = path.isWellFormed() ? {} : { path_base64: bytesOfText(path).toString('base64') }
  yield { event: 'start', data: { path: shownText(path), ...bytes } }
  try {
    for await (const { bytes, end } of walk) {
      if (bytes.byteLength > 0) yield { rendered: bytes }
      if (end !== undefined) yield { event: 'done', data: { count: end.count, ...remarks(end, true) } }
    }
  } catch (error) {
    if (signal.aborted) throw error
    const [code, sentence] = error instanceof Fault ? [error.code, error.message] : ['internal_error', String(error)]
    yield { event: 'error', data: { error: sentence, code } }
  }
}

/** Returns the walk that a request asks for; throws `bad_request` for patterns beyond the limits. */
export function listJob(request: ListRequest, shape: ListJob['shape'], walkers: Walkers): ListJob {
  return {
    kind: 'list',
    path: request.path,
    shape,
    maxDepth: request.nested ? request.max_depth : 1,
    cap: shape === 'lines' ? Infinity : Math.min(request.max_entries ?? ENTRY_CAP, ENTRY_CAP),
    offset: request.offset ?? 0,
    broad: (request.max_entries ?? ENTRY_CAP) < ENTRY_CAP,
    light: request.light,
    extensions: request.include_extensions,
    hash: request.include_hash,
    content: request.include_content,
    contentBudget: Math.min(request.max_content_budget, CONTENT_BUDGET),
    filter: {
      codeOnly: request.code_files_only,
      pathPart: folded(request.path_filter),
      extensions: request.include_ext.map((one) => dotted(folded(one))),
    },
    rules: {
      gitignore: rulesWanted(request),
      patterns: expandPatterns('ignore_patterns', request.ignore_patterns),
      home: walkers.home,
    },
  }
}

function dotted(extension: string): string {
  return extension.startsWith('.') ? extension : `.${extension}`
}

function remarks(summary: WalkSummary, nested: boolean): ListingRemarks {
  return {
    ...(summary.truncated && { truncated: true as const }),
    ...(summary.cutAt !== undefined && { cut_at: summary.cutAt }),
    ...(summary.depthLimited && nested && { depth_limited: true as const }),
    ...(summary.errors > 0 && { errors: summary.errors, unreadable: [...summary.unreadable] }),
  }
}

/**
 * Returns whether .gitignore rules apply, for every request with the two fields. The wish to see ignored files wins:
 * either `no_gitignore: true` or `use_gitignore: false` is enough.
 */
export function rulesWanted(asked: { readonly use_gitignore?: boolean; readonly no_gitignore?: boolean }): boolean {
  return asked.no_gitignore !== true && asked.use_gitignore !== false
}
