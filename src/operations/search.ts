// The operations search_content, search_init and search_files (protocol.md#search): their fields, and the query that a
// content search is made of. Patterns and paths are checked in workspace/search and workspace/listing.

import type { Static } from 'typebox'
import { Fault, quote } from '../base/fault.ts'
import { operation } from '../operation.ts'
import {
  extensions,
  flag,
  list,
  number,
  optional,
  path,
  pathBytes,
  restCall,
  text,
  toldBytes,
  Type,
  whole,
} from '../schema.ts'
import { matchesFit, MOST_RESULTS, USUAL_RESULTS, namesFit } from './search-fit.ts'
import { rulesWanted } from '../workspace/listing/listing.ts'
import type { ContentQuery } from '../workspace/search/content-search.ts'
import { searchNames } from '../workspace/listing/name-search.ts'

const shown = {
  line: Type.Integer({ description: 'Line number, from 1' }),
  column: Type.Optional(Type.Integer({ description: 'Where the first match begins, in characters from 1' })),
  text: Type.String({ description: 'The line without its end, at most 4 KiB of it with the match' }),
  truncated: Type.Optional(Type.Literal(true, { description: 'text was cut' })),
  text_column: Type.Optional(
    Type.Integer({ description: 'Where text begins, in characters from 1; absent: at the beginning of the line' }),
  ),
  lossy: Type.Optional(Type.Literal(true, { description: 'The line is not UTF-8; U+FFFD stands for what is not' })),
}

const match = Type.Object({
  ...shown,
  before: Type.Optional(Type.Array(Type.String(), { description: 'Lines before, with context_lines' })),
  after: Type.Optional(Type.Array(Type.String(), { description: 'Lines after, with context_lines' })),
})

const flatMatch = Type.Object({
  path: Type.String({ description: 'Absolute' }),
  line_number: Type.Integer({ description: 'Line number, from 1' }),
  ...shown,
  line: Type.String({ description: 'The same as text' }),
  lossy_name: Type.Optional(Type.Literal(true, { description: 'The path is not UTF-8' })),
  path_base64: Type.Optional(Type.String({ description: 'The bytes of such a path' })),
})

const input = Type.Object({
  q: text('What to look for in lines: literal text, or a regular expression with regex.', {
    minLength: 1,
    maxLength: 1000,
  }),
  path: path('Directory or file to search.', { default: '/' }),
  path_base64: pathBytes(),
  case_sensitive: flag('Distinguish upper and lower case.', false),
  regex: flag('Read q as a regular expression (Rust/RE2 syntax: no look-around, no back-references).', false),
  whole_word: flag('Match only where whole words match.', false),
  max_results: whole('Matching lines returned at most.', { minimum: 1, maximum: MOST_RESULTS, default: USUAL_RESULTS }),
  timeout: number('Seconds the search may take; then it answers what it has.', {
    minimum: 0.001,
    maximum: 60,
    default: 10,
  }),
  context_lines: whole('Lines shown before and after each match.', { minimum: 0, maximum: 10, default: 0 }),
  file_types: extensions('File extensions to search, in any case, such as go,js,py; empty: every file.'),
  include_hidden: flag('Search files and directories whose names begin with a dot.', false),
  no_gitignore: flag('Search what .gitignore rules leave out, too.', false),
  use_gitignore: optional(
    Type.Boolean({ description: 'The same the other way round; false searches ignored files, too.' }),
  ),
  ignore_patterns: list('Globs in .gitignore syntax, relative to path, of what to leave out.'),
})

export const searchContent = operation({
  name: 'search_content',
  title: 'Search file contents',
  summary: 'Finds lines that contain a text or match a regular expression, grouped by file.',
  scope: 'search',
  area: 'Search',
  input,
  output: Type.Object({
    query: Type.String(),
    path: Type.String(),
    path_base64: toldBytes(),
    results: Type.Record(Type.String(), Type.Array(match), {
      description:
        'Matching lines by file; the keys are relative to path, or its base name where path is a file. Where names that are not UTF-8 would have one key, their bytes are told as \\xNN',
    }),
    matches: Type.Array(flatMatch, { description: 'The same lines in one list' }),
    total_matches: Type.Integer({ description: 'Matching lines returned' }),
    total_files: Type.Integer({ description: 'Files they are in' }),
    capped: Type.Boolean({ description: 'There are more than were returned, or not everything could be searched' }),
    timed_out: Type.Optional(Type.Literal(true, { description: 'timeout was reached; the rest was not searched' })),
    next: restCall('Over MCP, where lines are missing here: the call that shows them'),
    engine: Type.Literal('ripgrep'),
    hint: Type.Optional(
      Type.String({ description: 'Where nothing was found: how q was read, and how else it can be' }),
    ),
    warnings: Type.Optional(Type.Array(Type.String(), { description: 'What could not be searched, and why' })),
  }),
  aliases: { query: 'q' },
  routes: [{ method: 'GET', path: '/files/search' }],
  statuses: [404],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    description:
      'Search (grep) file contents below a directory, or in one file, for literal text or a regular expression. ' +
      'Case-insensitive unless case_sensitive. Returns matching lines with line numbers and columns, grouped by file; ' +
      'context_lines adds the lines around. Hidden, binary and .gitignored files are skipped. At most max_results lines ' +
      '(default 100): when capped is true, narrow path or file_types. To find files by name use search_files. ' +
      'Example: {"q":"TODO","path":"/app","file_types":["ts"]}',
    fit: matchesFit,
    text: { form: 'matches', defaults: { path: '.' }, most: { max_results: 1000 } },
    meta: { 'anthropic/alwaysLoad': true },
  },
  example: { q: 'TODO', path: '/app', file_types: ['ts', 'md'], context_lines: 1 },
  async run(asked, { workspace, signal, access }) {
    const found = await workspace.search.search(contentQuery(asked), signal, access)
    const hint = found.total_matches === 0 && !asked.regex ? literalHint(asked.q) : undefined
    return hint === undefined ? found : { ...found, hint }
  },
})

/** Returns a hint for a text that looks like an expression and was searched for literally; undefined for any other. */
export function literalHint(q: string): string | undefined {
  if (!/\\[bBdDsSwW.]|[.)\]}][*+?]|\.\*|\[[^\]]+\]|\(.+\|.+\)|\w\|\w|^\^|\$$/.test(q)) return undefined
  return `the text ${quote(q)} was looked for as it stands; regex: true reads it as an expression`
}

/** Returns the query for workspace/search; throws `bad_request` for a text or pattern that ripgrep cannot take. */
export function contentQuery(asked: Static<typeof input>): ContentQuery {
  if (/[\n\0]/.test(asked.q)) {
    throw new Fault('bad_request', 'q contains a line break or NUL; accepted is what can stand in one line', {
      details: { field: 'q' },
    })
  }
  const negated = asked.ignore_patterns.find((pattern) => pattern.startsWith('!'))
  if (negated !== undefined) {
    const sentence = `ignore_patterns: ${quote(negated)} would take back another pattern; content search accepts only patterns that leave out (\\! stands for the character)`
    throw new Fault('bad_request', sentence, { details: { field: 'ignore_patterns' } })
  }
  return {
    pattern: asked.q,
    path: asked.path,
    caseSensitive: asked.case_sensitive,
    regex: asked.regex,
    wholeWord: asked.whole_word,
    maxResults: asked.max_results,
    timeoutSeconds: asked.timeout,
    contextLines: asked.context_lines,
    fileTypes: asked.file_types,
    includeHidden: asked.include_hidden,
    ignoreRules: rulesWanted(asked),
    ignorePatterns: asked.ignore_patterns,
  }
}

export const searchInit = operation({
  name: 'search_init',
  title: 'Prepare content search',
  summary: 'Tells whether ripgrep runs and in which version. It comes with the daemon, so there is nothing to install.',
  scope: 'search',
  area: 'Search',
  input: Type.Object({
    install: flag('true makes sure now that ripgrep runs; false only reports what is known. Neither downloads.', true),
  }),
  output: Type.Object({
    installed: Type.Boolean({ description: 'ripgrep runs' }),
    path: Type.Optional(Type.String({ description: 'Where it is' })),
    version: Type.Optional(Type.String({ description: 'As in "ripgrep 15.0.0"' })),
    engine: Type.Optional(
      Type.Literal('ripgrep', { description: 'What content searches use; absent: none can be run' }),
    ),
    message: Type.Optional(Type.String({ description: 'Why ripgrep cannot be run' })),
  }),
  routes: [
    { method: 'GET', path: '/files/search/init', fixed: { install: false } },
    { method: 'POST', path: '/files/search/init', fixed: { install: true } },
  ],
  tool: {
    hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
    description:
      'Check that content search is ready: whether ripgrep runs, its version and path. Calling this first is not ' +
      'needed: ripgrep ships inside the daemon. Where it cannot run, message says why, and search_content answers ' +
      '503 with the same reason. Nothing is downloaded.',
  },
  example: {},
  async run({ install }, { workspace }) {
    const { lacking: _, ...status } = await workspace.search.status(install)
    return status
  },
})

export const searchFiles = operation({
  name: 'search_files',
  title: 'Search file names',
  summary: 'Finds files whose path below `path` contains a text or matches a glob.',
  scope: 'search',
  area: 'Search',
  input: Type.Object({
    q: text(
      'Text that the path relative to `path` must contain; with *, ?, [ or { a glob: of the name, or with a / of that path.',
      { minLength: 1, maxLength: 1000 },
    ),
    path: path('Directory to search.', { default: '/' }),
    path_base64: pathBytes(),
    case_sensitive: flag('Upper and lower case differ.', false),
    include_hidden: flag('Also files and directories whose name begins with a dot.', false),
    no_gitignore: flag('Also what git ignores.', false),
    use_gitignore: optional(Type.Boolean({ description: 'false: also what git ignores.' })),
    max_results: whole('Paths returned at most.', { minimum: 1, maximum: 10_000, default: 200 }),
    offset: whole('Paths passed over first, in the order of the walk: how a truncated answer is read on.', {
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      default: 0,
    }),
    ignore_patterns: list('Globs in .gitignore syntax (braces too), relative to `path`, to leave out.'),
  }),
  output: Type.Object({
    query: Type.String(),
    path: Type.String(),
    path_base64: toldBytes(),
    files: Type.Array(Type.String(), { description: 'Relative to `path`, sorted' }),
    total_files: Type.Integer({ description: 'Paths returned' }),
    lossy_names: optional(
      Type.Array(Type.Object({ path: Type.String(), path_base64: Type.String() }), {
        description: 'Those whose names are not UTF-8: as told in files, and the bytes of the absolute path',
      }),
    ),
    truncated: optional(Type.Boolean({ description: 'There are more' })),
    next: restCall('Over MCP, where there are more: the call that shows the next ones'),
    errors: optional(Type.Integer({ description: 'Directories that could not be read' })),
    unreadable: optional(Type.Array(Type.String(), { description: 'The first of their paths' })),
  }),
  aliases: { query: 'q' },
  routes: [{ method: 'GET', path: '/files/search/files' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    description:
      'Finds files by name: every regular file whose path relative to `path` contains `q` (a plain substring, any ' +
      'case) or, where q has wildcards such as *.ts or src/**/*.{js,ts}, matches it. Ignored and hidden files are left out unless asked for. Give a narrow `path` where you can. ' +
      'To search inside files use search_content; to see a directory use file_list.',
    fit: namesFit,
    text: { form: 'paths', more: 'search_files', defaults: { path: '.' }, most: { max_results: 2000 } },
  },
  statuses: [404],
  example: { q: 'main', path: '/app' },
  run: (request, { workspace, signal, access }) => searchNames(workspace.walkers, request, signal, access),
})
