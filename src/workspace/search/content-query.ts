// What a content search asks for, the fields already checked and filled in, and what its path turned out to be.

export interface ContentQuery {
  /** 1 to 1,000 characters, without NUL and line breaks: the search goes line by line. */
  readonly pattern: string
  /** A directory or a file, absolute and normalised. */
  readonly path: string
  readonly caseSensitive: boolean
  readonly regex: boolean
  readonly wholeWord: boolean
  /** Matching lines at most; one more is looked for, to know whether the answer is whole. */
  readonly maxResults: number
  readonly timeoutSeconds: number
  /** Lines shown before and after each match. */
  readonly contextLines: number
  /** Extensions without their dot, folded (fold.ts) once they are searched for; empty: every file. */
  readonly fileTypes: readonly string[]
  readonly includeHidden: boolean
  /** Whether ignore files count. */
  readonly ignoreRules: boolean
  /** Globs in .gitignore syntax, relative to `path`, braces expanded, none of them negated. */
  readonly ignorePatterns: readonly string[]
}

/** What `path` turned out to be, and what the walk below it must know. */
export interface SearchTarget {
  readonly kind: 'directory' | 'file'
  /** The directory searched, or the one that holds the file. */
  readonly directory: string
  /** Base name of the file; empty for a directory. */
  readonly name: string
  /** Given: a path that leads to the directory as it was opened and judged; ripgrep starts there. */
  readonly cwd?: string | undefined
  /** Given: a path that leads to the file as it was opened and judged; ripgrep is given it. */
  readonly opened?: string | undefined
  /** The root of the git repository that `directory` lies in: only in one do ignore files above it count. */
  readonly repository: string | undefined
  /** Paths relative to `directory` that no walk from it may enter: /proc, /sys, /dev and the like. */
  readonly barred: readonly string[]
}
