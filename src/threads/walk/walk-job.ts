// What passes between the main thread and the tree walker: jobs one way, batches of finished bytes the
// other. A batch is asked for one at a time, so a slow reader slows its own walk and nothing else, and
// walks in one worker take turns.

import type { Judged } from './left-out.ts'
import type { FaultNotice } from '../../base/fault.ts'

/** A listing (protocol.md#files), with every default filled in. */
export interface ListJob {
  readonly kind: 'list'
  readonly path: string
  /** `lines`: NDJSON in walk order; `flat` and `tree`: comma-joined JSON, sorted within a directory. */
  readonly shape: 'lines' | 'flat' | 'tree'
  /** 1 = direct children. */
  readonly maxDepth: number
  /** Entries after which the walk stops; Infinity: none. */
  readonly cap: number
  /** Of a flat listing: entries that are passed over before the first; none unless given. */
  readonly offset?: number
  /** Of a tree: level by level, so that a cap cuts what is deepest and every entry of the top is there. */
  readonly broad?: boolean
  readonly light: boolean
  readonly extensions: boolean
  readonly hash: boolean
  readonly content: boolean
  /** Bytes of file content that one listing may carry. */
  readonly contentBudget: number
  readonly filter: ListFilter
  readonly rules: RuleChoice
}

export interface ListFilter {
  readonly codeOnly: boolean
  /** Folded; matched anywhere in the folded path; empty: everything. */
  readonly pathPart: string
  /** Folded, with the dot; empty: every extension. */
  readonly extensions: readonly string[]
}

/** Which ignore rules a walk obeys. */
export interface RuleChoice {
  readonly gitignore: boolean
  /** Globs in .gitignore syntax, relative to the walk's root, braces already expanded. */
  readonly patterns: readonly string[]
  readonly home: GitHome
  /** Given: the walk begins in what is open there, and passes over what is withheld. */
  readonly judged?: Judged | undefined
}

/** Where git keeps the user's own excludes; undefined: there are none. */
export interface GitHome {
  readonly home: string | undefined
  readonly configHome: string | undefined
  /** A file of the user's own that is not read, since its file system does not answer. */
  readonly silent?: string | undefined
}

/** A name search: GET /files/search/files (protocol.md#search). */
export interface NameJob {
  readonly kind: 'names'
  readonly path: string
  readonly q: string
  /** What `q` stands for where it is a glob, braces expanded; without a slash of a name, with one of the whole path. */
  readonly globs?: readonly string[] | undefined
  readonly caseSensitive: boolean
  readonly hidden: boolean
  /** Files found that are passed over first, in the order of the walk. */
  readonly offset: number
  readonly cap: number
  readonly rules: RuleChoice
}

/** The files whose content is to be searched; see file-walk.ts. */
export interface FilesJob {
  readonly kind: 'files'
  readonly path: string
  readonly hidden: boolean
  /** Folded, without the dot; empty: every extension. */
  readonly extensions: readonly string[]
  readonly rules: RuleChoice
}

/** SHA-256 of one regular file. */
export interface HashJob {
  readonly kind: 'hash'
  readonly path: string
  /** Given: the file is what is open there; `path` only names it. */
  readonly fd?: number | undefined
}

export type Job = ListJob | NameJob | FilesJob | HashJob

export interface LossyName {
  readonly path: string
  readonly bytes: string
}

/** What a finished walk says about itself. */
export interface WalkSummary {
  /** Entries, nested ones too; for names: paths. */
  readonly count: number
  /** The cap was reached and there may be more. */
  readonly truncated: boolean
  /** Of a broad tree that was truncated: the first directory whose entries are not all there. */
  readonly cutAt?: string | undefined
  /** Directories that were not entered because of `maxDepth`. */
  readonly depthLimited: boolean
  /** Directories, rule files and entries that could not be read. */
  readonly errors: number
  /** The first few of their paths. */
  readonly unreadable: readonly string[]
  /** Of a search of names: those that are not UTF-8, as told and as bytes of the path below the root, in base64. */
  readonly lossyNames?: readonly LossyName[]
  /** Of a hash job: 64 hex digits. */
  readonly sha256?: string
}

/** A piece of the answer. The last one carries the summary. */
export interface Batch {
  readonly bytes: Uint8Array
  readonly end?: WalkSummary
}

export type ToWalker =
  | { readonly type: 'open'; readonly id: number; readonly job: Job }
  | { readonly type: 'next'; readonly id: number }
  | { readonly type: 'stop'; readonly id: number }

export type FromWalker =
  | { readonly type: 'opened'; readonly id: number }
  | { readonly type: 'batch'; readonly id: number; readonly batch: Batch }
  | { readonly type: 'failed'; readonly id: number; readonly fault: FaultNotice }
  /** The walk was over when the batch was asked for. Every request has an answer, so that a stuck thread shows. */
  | { readonly type: 'over'; readonly id: number }
