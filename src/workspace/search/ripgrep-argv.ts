// The command lines of ripgrep for a content search. Pure. Text from the caller is always the value of a flag or stands
// behind `--`, so it cannot become a flag. ripgrep's configuration file, preprocessors and PCRE are never used.

import type { ContentQuery, SearchTarget } from './content-query.ts'

export type Argv = readonly [string, ...string[]]

/** A regular expression that compiles to more is refused: at ripgrep's default of 100 MB the refusal takes 0.5 s. */
const REGEX_BYTES = '10M'

/**
 * Returns the command line for the directory of `target`, which must be the working directory. ripgrep decides by the
 * rule files which files it searches; `excludes` is the file of the user's own rules. With --debug it writes to stderr
 * which rule files it has read and in which files it has stopped at a NUL byte.
 */
export function treeArgv(binary: string, query: ContentQuery, target: SearchTarget, excludes?: string): Argv {
  return [
    binary,
    '--debug',
    ...printingFlags(query),
    ...matchingFlags(query),
    ...selectionFlags(query, target, excludes),
    '-e',
    query.pattern,
    '--',
    '.',
  ]
}

/**
 * Returns the command line for files whose names are appended. `text`: a NUL byte is a byte like any other; else it
 * counts as a line end, and the record of the file's end tells the offset of the first.
 */
export function filesArgv(binary: string, query: ContentQuery, text: boolean): Argv {
  const flags = [...printingFlags(query), ...matchingFlags(query), ...(text ? ['--text'] : [])]
  return [binary, ...flags, '--no-ignore', '-e', query.pattern, '--']
}

/**
 * Returns the command line that prints the line numbers of the first `count` matches of one file, whose name is
 * appended: one `number:` a line, with a short notice instead of the text. For lines too long to be sent as JSON.
 */
export function lineNumbersArgv(binary: string, query: ContentQuery, count: number): Argv {
  return [
    binary,
    '--line-number',
    '--no-filename',
    '--no-heading',
    '--color=never',
    '--max-columns=1',
    '--text',
    `--max-count=${count}`,
    ...matchingFlags(query),
    '-e',
    query.pattern,
    '--',
  ]
}

function printingFlags(query: ContentQuery): string[] {
  const context = query.contextLines > 0 ? [`--context=${query.contextLines}`] : []
  // One file alone cannot fill the answer beyond its limit; the extra match tells that there are more.
  return ['--json', `--max-count=${query.maxResults + 1}`, ...context]
}

/** Returns the flags that say what a match is. */
function matchingFlags(query: ContentQuery): string[] {
  return [
    '--no-config',
    // A file cut short while it is mapped would kill ripgrep with SIGBUS.
    '--no-mmap',
    // "$" matches before "\r\n" too: a line is shown without either.
    '--crlf',
    `--regex-size-limit=${REGEX_BYTES}`,
    query.caseSensitive ? '--case-sensitive' : '--ignore-case',
    ...(query.regex ? [] : ['--fixed-strings']),
    ...(query.wholeWord ? ['--word-regexp'] : []),
  ]
}

/** Returns the flags that say which files are searched. Only git's rules count, .ignore and .rgignore do not. */
function selectionFlags(query: ContentQuery, target: SearchTarget, excludes: string | undefined): string[] {
  // Rules count without a repository too. Inside one the flag for that must be absent: with it ripgrep 15 looks for no
  // .git, and rules above the repository's root would count.
  const scope = target.repository === undefined ? ['--no-require-git', '--no-ignore-parent'] : []
  // The file of the user's own rules is found by us (git-config.ts): ripgrep reads git's configuration differently.
  const own = ['--no-ignore-global', ...(excludes === undefined ? [] : [`--ignore-file=${excludes}`])]
  const rules = query.ignoreRules ? [...scope, ...own, '--no-ignore-dot', '--no-ignore-messages'] : ['--no-ignore']
  const hidden = query.includeHidden ? ['--hidden'] : []
  // A glob without "!" would override ignore and hidden rules; these all have one, so they only leave out.
  const globs = [
    ...(query.includeHidden && query.ignoreRules ? ['.git'] : []),
    ...target.barred.map((place) => `/${literalGlob(place)}`),
    ...query.ignorePatterns.map((glob) => glob.replace(/^\.\//, '')).filter((glob) => glob !== '' && glob !== '/'),
  ].map((glob) => `--glob=!${glob}`)
  return [...rules, ...hidden, ...globs]
}

/** Returns a glob that matches `text` and nothing else. */
function literalGlob(text: string): string {
  return text.replace(/[\\*?[\]{},!]/g, '\\$&')
}
