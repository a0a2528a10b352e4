// Search of file names (protocol.md#search).

import { operation } from '../operation.ts'
import { flag, list, optional, path, pathBytes, restCall, text, toldBytes, Type, whole } from '../schema.ts'
import { namesFit } from './search-fit.ts'
import { searchNames } from '../workspace/listing/name-search.ts'

export const searchFiles = operation({
  name: 'search_files',
  title: 'Search file names',
  summary: 'Finds files whose path below `path` contains a text or matches a glob.',
  scope: 'search',
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
