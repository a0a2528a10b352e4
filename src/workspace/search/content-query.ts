// The two values that a content search is made of: the query, its fields checked and filled in, and the target that its
// path turned out to be.

export interface ContentQuery {
  /** 1 to 1,000 characters, without NUL and line breaks: the search goes line by line. */
  readonly pattern: string
  /** A directory or a file, absolute and normalised. */
  readonly path: string
  readonly caseSensitive: boolean
  readonly regex: boolean
  readonly wholeWord: boolean
  /** Most matching lines; one more is searched for, to know whether the answer is complete. */
  readonly maxResults: number
  readonly timeoutSeconds: number
  /** Lines shown before and after each match. */
  readonly contextLines: number
  /** Extensions without their dot, folded (fold.ts) before the search; empty: every file. */
  readonly fileTypes: readonly string[]
  readonly includeHidden: boolean
  /** True if ignore files count. */
  readonly ignoreRules: boolean
  /** Globs in .gitignore syntax, relative to `path`, braces expanded, none of them negated. */
  readonly ignorePatterns: readonly string[]
}

/** The directory or file that `path` names, and the facts that a search below it needs. */
export interface SearchTarget {
  readonly kind: 'directory' | 'file'
  /** The directory searched, or the one that holds the file. */
  readonly directory: string
  /** Base name of the file; empty for a directory. */
  readonly name: string
  /** Given for a limited caller: a path of the opened and judged directory; ripgrep starts there. */
  readonly cwd?: string | undefined
  /** Given for a limited caller: a path of the opened and judged file; ripgrep is given it. */
  readonly opened?: string | undefined
  /** The root of the git repository that `directory` lies in; ignore files above `directory` count only in one. */
  readonly repository: string | undefined
  /** Paths relative to `directory` that no walk from it may enter: /proc, /sys, /dev and the like. */
  readonly barred: readonly string[]
}
