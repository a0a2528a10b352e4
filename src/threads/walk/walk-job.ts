// The messages between the main thread and the tree walker: jobs one way, batches of finished bytes the other. The main
// thread asks for each batch, so a slow reader slows its own walk only, and walks in one worker take turns.

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
  /** Entries after which the walk stops; Infinity: no limit. */
  readonly cap: number
  /** Entries passed over before the first, in a flat listing; 0 unless given. */
  readonly offset?: number
  /** True: a tree is listed level by level, so that the cap cuts the deepest entries first. */
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

/** Ignore rules that a walk obeys. */
export interface RuleChoice {
  readonly gitignore: boolean
  /** Globs in .gitignore syntax, relative to the walk's root, braces already expanded. */
  readonly patterns: readonly string[]
  readonly home: GitHome
  /** Given for a limited caller: the walk begins in this opened directory and passes over what is withheld. */
  readonly judged?: Judged | undefined
}

/** The directories in which git keeps the user's settings; undefined: there is none. */
export interface GitHome {
  readonly home: string | undefined
  readonly configHome: string | undefined
  /** A settings file of the user that is not read, because its file system does not answer. */
  readonly silent?: string | undefined
}

/** A name search: GET /files/search/files (protocol.md#search). */
export interface NameJob {
  readonly kind: 'names'
  readonly path: string
  readonly q: string
  /**
   * The globs of `q`, braces expanded, if it is one; compared with the name, or with the whole path if they have a
   * slash.
   */
  readonly globs?: readonly string[] | undefined
  readonly caseSensitive: boolean
  readonly hidden: boolean
  /** Files found that are passed over first, in the order of the walk. */
  readonly offset: number
  readonly cap: number
  readonly rules: RuleChoice
}

/** The files whose content is to be searched; see FileWalk in tree-walker.ts. */
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
  /** Given: the file is this opened one; `path` only names it. */
  readonly fd?: number | undefined
}

export type Job = ListJob | NameJob | FilesJob | HashJob

export interface LossyName {
  readonly path: string
  readonly bytes: string
}

/** The result of a finished walk besides its text. */
export interface WalkSummary {
  /** Entries listed, nested ones too, or paths found. */
  readonly count: number
  /** True if the cap was reached and there may be more. */
  readonly truncated: boolean
  /** The first directory that lacks entries, in a broad tree that was truncated. */
  readonly cutAt?: string | undefined
  /** True if directories were not entered because of `maxDepth`. */
  readonly depthLimited: boolean
  /** Directories, rule files and entries that could not be read. */
  readonly errors: number
  /** The first ten of their paths. */
  readonly unreadable: readonly string[]
  /** The names found that are not UTF-8: the text shown, and the bytes of the path below the root in base64. */
  readonly lossyNames?: readonly LossyName[]
  /** 64 hex digits; the result of a hash job. */
  readonly sha256?: string
}

/** A piece of the answer. The last one has `end`. */
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
  /** The walk was over when the batch was asked for. Every request is answered, so that a stuck thread is noticed. */
  | { readonly type: 'over'; readonly id: number }
