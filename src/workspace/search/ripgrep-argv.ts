// The command line of ripgrep for a content search. Pure. Every piece of user text is the value of a flag
// or stands behind `--`, so none can become a flag; ripgrep's own configuration, preprocessors and PCRE are
// never asked for.

import type { ContentQuery, SearchTarget } from './content-query.ts'

export type Argv = readonly [string, ...string[]]

/** A regular expression that compiles to more is refused: at ripgrep's default of 100 MB the refusal takes 0.5 s. */
const REGEX_BYTES = '10M'

/**
 * Searches the directory of `target`, which is to be the working directory, ripgrep deciding by the rule files
 * which files it looks at. `excludes` is the file of the user's own rules. With --debug it says on stderr which
 * rule files it has read and which files it has left at a NUL byte.
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
 * Searches files that are named outright, behind this. `text`: NUL bytes count as any other, else as line ends,
 * and the end of a file tells where the first was.
 */
export function filesArgv(binary: string, query: ContentQuery, text: boolean): Argv {
  const flags = [...printingFlags(query), ...matchingFlags(query), ...(text ? ['--text'] : [])]
  return [binary, ...flags, '--no-ignore', '-e', query.pattern, '--']
}

/**
 * Finds the line numbers of the first `count` matches of one file, named behind this, one `number:` a line, none
 * of them longer than a notice: for lines too long to travel as JSON.
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

/** What counts as a match. */
function matchingFlags(query: ContentQuery): string[] {
  return [
    '--no-config',
    // A file cut short while it is mapped would kill ripgrep with SIGBUS.
    '--no-mmap',
    // "$" stands before "\r\n" too: a line is shown without either.
    '--crlf',
    `--regex-size-limit=${REGEX_BYTES}`,
    query.caseSensitive ? '--case-sensitive' : '--ignore-case',
    ...(query.regex ? [] : ['--fixed-strings']),
    ...(query.wholeWord ? ['--word-regexp'] : []),
  ]
}

/** Which files are looked at. The rules are git's alone: .ignore and .rgignore do not count. */
function selectionFlags(query: ContentQuery, target: SearchTarget, excludes: string | undefined): string[] {
  // Rules count without a repository, too. Inside one the flag for that must be absent: with it ripgrep 15
  // looks for no .git, and the rules beyond the repository's root would count.
  const scope = target.repository === undefined ? ['--no-require-git', '--no-ignore-parent'] : []
  // Which file holds the user's own rules is found here, for ripgrep reads git's configuration otherwise than git.
  const own = ['--no-ignore-global', ...(excludes === undefined ? [] : [`--ignore-file=${excludes}`])]
  const rules = query.ignoreRules ? [...scope, ...own, '--no-ignore-dot', '--no-ignore-messages'] : ['--no-ignore']
  const hidden = query.includeHidden ? ['--hidden'] : []
  // A glob without "!" would lift ignore and hidden rules; these all carry one, so only take away.
  const globs = [
    ...(query.includeHidden && query.ignoreRules ? ['.git'] : []),
    ...target.barred.map((place) => `/${literalGlob(place)}`),
    ...query.ignorePatterns.map((glob) => glob.replace(/^\.\//, '')).filter((glob) => glob !== '' && glob !== '/'),
  ].map((glob) => `--glob=!${glob}`)
  return [...rules, ...hidden, ...globs]
}

/** A glob that matches `text` and nothing else. */
function literalGlob(text: string): string {
  return text.replace(/[\\*?[\]{},!]/g, '\\$&')
}
