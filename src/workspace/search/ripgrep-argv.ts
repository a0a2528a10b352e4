// The command line of ripgrep for a content search. Pure. Every piece of user text is the value of a flag
// or stands behind `--`, so none can become a flag (reliability S-01, M-06); ripgrep's own configuration,
// preprocessors and PCRE are never asked for.

import type { ContentQuery, SearchTarget } from './content-query.ts'

/** A regular expression that compiles to more is refused: at ripgrep's default of 100 MB the refusal takes 0.5 s. */
const REGEX_BYTES = '10M'

/** The name under which the wanted extensions are known to ripgrep; it adds to no type of its own. */
const TYPE_NAME = 'wr'

/** Searches `target` for `query`, printing JSON lines; to run with `target.directory` as working directory. */
export function ripgrepArgv(binary: string, query: ContentQuery, target: SearchTarget): readonly [string, ...string[]] {
  const context = query.contextLines > 0 ? [`--context=${query.contextLines}`] : []
  return [
    binary,
    '--json',
    // One file alone cannot fill the answer beyond its limit; the extra match tells that there are more.
    `--max-count=${query.maxResults + 1}`,
    ...context,
    ...matchingFlags(query),
    ...selectionFlags(query, target),
    ...operands(query, target),
  ]
}

/**
 * Finds the line numbers of the first `count` matches of one file, one `number:` a line, none of them longer
 * than a notice: for lines too long to travel as JSON.
 */
export function lineNumbersArgv(
  binary: string,
  query: ContentQuery,
  target: SearchTarget & { count: number },
): readonly [string, ...string[]] {
  return [
    binary,
    '--line-number',
    '--no-filename',
    '--no-heading',
    '--color=never',
    '--max-columns=1',
    `--max-count=${target.count}`,
    ...matchingFlags(query),
    ...operands(query, target),
  ]
}

/** What counts as a match. */
function matchingFlags(query: ContentQuery): string[] {
  return [
    '--no-config',
    // A file cut short while it is mapped would kill ripgrep with SIGBUS.
    '--no-mmap',
    `--regex-size-limit=${REGEX_BYTES}`,
    query.caseSensitive ? '--case-sensitive' : '--ignore-case',
    ...(query.regex ? [] : ['--fixed-strings']),
    ...(query.wholeWord ? ['--word-regexp'] : []),
  ]
}

/**
 * Which files are looked at. A file named outright is, whatever the rules say. The rules are git's alone, as in
 * every other walk here: .ignore and .rgignore do not count.
 */
function selectionFlags(query: ContentQuery, target: SearchTarget): string[] {
  // Rules count without a repository, too (contract 16). Inside one the flag for that must be absent: with it
  // ripgrep 15 looks for no .git, and the rules beyond the repository's root would count.
  const scope = target.inRepository ? [] : ['--no-require-git', '--no-ignore-parent']
  const rules = query.ignoreRules ? [...scope, '--no-ignore-dot', '--no-ignore-messages'] : ['--no-ignore']
  const hidden = query.includeHidden ? ['--hidden'] : []
  // A glob without "!" would lift ignore and hidden rules; these all carry one, so only take away.
  const globs = [
    ...(query.includeHidden && query.ignoreRules ? ['.git'] : []),
    ...target.barred.map((place) => `/${literalGlob(place)}`),
    ...query.ignorePatterns.map(ripgrepGlob).filter((glob) => glob !== '' && glob !== '/'),
  ].map((glob) => `--glob=!${glob}`)
  const types = query.fileTypes.map((extension) => `--type-add=${TYPE_NAME}:*.${literalGlob(extension)}`)
  return [...rules, ...hidden, ...globs, ...types, ...(types.length > 0 ? [`--type=${TYPE_NAME}`] : [])]
}

function operands(query: ContentQuery, target: SearchTarget): string[] {
  return ['-e', query.pattern, '--', target.kind === 'directory' ? '.' : (target.opened ?? `./${target.name}`)]
}

/** A glob of .gitignore syntax as ripgrep reads it: braces are literal there and stand for choices here. */
function ripgrepGlob(glob: string): string {
  return glob
    .replace(/^\.\//, '')
    .replace(/\\.|\[[!^]?\]?[^\]]*\]|[{}]/gsu, (token) => (token === '{' || token === '}' ? `\\${token}` : token))
    .replace(/(?<!\\) $/, '\\ ')
}

/** A glob that matches `text` and nothing else. */
function literalGlob(text: string): string {
  return text.replace(/[\\*?[\]{},!]/g, '\\$&')
}
