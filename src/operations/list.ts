// Listings of directories: as one answer, and as a stream of lines (protocol.md#files). A listing that is too long for
// one message is made anew with fewer entries: a list loses its end, a tree its deepest entries; the answer names the
// call that reads on.

import { EventStream, operation, type Fields, type Fit } from '../operation.ts'
import { extensions, flag, list, optional, path, pathBytes, restCall, text, toldBytes, Type, whole } from '../schema.ts'
import { CONTENT_BUDGET, ENTRY_CAP, listFiles, streamFiles } from '../workspace/listing/listing.ts'
import { askedCount, bytesIn, countIn, goingOn, isSet, textIn } from './fit-fields.ts'

const listFit: Fit = {
  less(came, asked, share) {
    const contents = isSet(asked['include_content'])
    const budget = Math.min(bytesIn(came, 'entries'), askedCount(asked, 'max_content_budget') ?? Infinity)
    // Contents are cut first: an entry without its content still says what exists.
    if (contents && budget * share >= 1024) return { max_content_budget: Math.floor(budget * share * share) }
    const max_entries = Math.floor((countIn(came, 'count') ?? 0) * share)
    if (max_entries < 1) return undefined
    return { max_entries, ...(contents && { max_content_budget: 0 }) }
  },
  marks(short, asked) {
    return goesOn(short, asked)
  },
  rest: (came, asked) => goesOn(came, asked),
}

function goesOn(shown: Fields, asked: Fields): Fields {
  if (shown['truncated'] !== true) return {}
  return { next: { tool: 'file_list', arguments: nextList(shown, asked) } }
}

/**
 * Returns the arguments of the listing that goes on where `short` was cut. Many directories of a tree are cut at once,
 * each marked `truncated`; a call for one of them would not lead to the others, so the whole is told as a list, which
 * has an order.
 */
function nextList(short: Fields, asked: Fields): Fields {
  const path = goingOn(asked, textIn(short, 'path'))
  if (isSet(asked['nested']) && !isSet(asked['flatten'])) return { ...asked, ...path, flatten: true, offset: 0 }
  return { ...asked, ...path, offset: (askedCount(asked, 'offset') ?? 0) + (countIn(short, 'count') ?? 0) }
}

const input = Type.Object({
  path: path('Directory to list.', { default: '/' }),
  path_base64: pathBytes(),
  nested: flag('Also what lies below, as a tree of `children` unless `flatten` is set.', false),
  flatten: flag('With `nested`: one flat array instead of a tree.', false),
  light: flag('Only name, path and type.', false),
  include_hash: flag('SHA-256 of each file.', false),
  include_content: flag('Text of each file of at most 10 MiB, or `content_skipped` with the reason.', false),
  include_extensions: flag('Extension of each file, with the dot.', false),
  code_files_only: flag('Only source code and configuration files.', false),
  use_gitignore: flag('Leave out what git ignores, and `.git`.', true),
  no_gitignore: optional(Type.Boolean({ description: 'true: also what git ignores, whatever use_gitignore says.' })),
  max_depth: whole('Levels below `path`; 1 = direct children.', { minimum: 1, maximum: 1000, default: 20 }),
  path_filter: text('Only paths that contain this text, in any case.', { maxLength: 4096, default: '' }),
  include_ext: extensions('Only files with these extensions, as in go, .go or *.go.'),
  ignore_patterns: list('Globs in .gitignore syntax (braces too), relative to `path`, to leave out.'),
  max_content_budget: whole('Bytes of content in one listing; larger values count as the default.', {
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: CONTENT_BUDGET,
  }),
})

const listInput = Type.Object({
  ...input.properties,
  max_entries: whole('Entries at most; then the answer says truncated.', {
    minimum: 1,
    maximum: ENTRY_CAP,
    default: ENTRY_CAP,
  }),
  offset: whole('Entries passed over first, where they are in one list: how a truncated listing is read on.', {
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 0,
  }),
})

const entry = Type.Object({
  name: Type.String(),
  path: Type.String(),
  path_base64: toldBytes(),
  type: Type.Unsafe<'file' | 'directory' | 'symlink'>({ type: 'string', enum: ['file', 'directory', 'symlink'] }),
  size: optional(Type.Integer({ description: 'Bytes; absent in light listings' })),
  modified: optional(Type.String({ description: 'ISO 8601; absent in light listings' })),
  extension: optional(Type.String({ description: 'With the dot' })),
  special: optional(Type.String({ description: 'fifo, socket, block_device or character_device' })),
  hash: optional(Type.String({ description: 'SHA-256, hex' })),
  content: optional(Type.String()),
  lossy: optional(Type.Boolean({ description: 'The content is not UTF-8; U+FFFD stands for what is not' })),
  content_skipped: optional(Type.String({ description: 'binary, oversize, budget, unreadable or pseudo_filesystem' })),
  lossy_name: optional(Type.Boolean({ description: 'The name is not UTF-8' })),
  name_base64: optional(Type.String({ description: 'Its bytes' })),
  truncated: optional(Type.Boolean({ description: 'Not all of its children are here' })),
  children: optional(Type.Array(Type.Unsafe<unknown>({ type: 'object' }), { description: 'Entries, in tree form' })),
})

const remarks = {
  truncated: optional(Type.Boolean({ description: 'Stopped at max_entries' })),
  cut_at: optional(Type.String({ description: 'Of a truncated tree: the first directory that is not here in full' })),
  depth_limited: optional(Type.Boolean({ description: 'Some directories lie below max_depth and were not entered' })),
  errors: optional(Type.Integer({ description: 'Places that could not be read' })),
  unreadable: optional(Type.Array(Type.String(), { description: 'The first of their paths' })),
}

export const fileList = operation({
  name: 'file_list',
  title: 'List files',
  summary: 'Lists a directory, or with `nested` the tree below it, up to 50,000 entries.',
  scope: 'files:read',
  area: 'Files',
  input: listInput,
  output: Type.Object({
    path: Type.String(),
    path_base64: toldBytes(),
    entries: Type.Array(entry),
    count: Type.Integer({ description: 'All entries, nested ones too' }),
    ...remarks,
    next: restCall('Over MCP, where the result was cut: the call that shows more'),
  }),
  routes: [{ method: 'GET', path: '/files' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    description:
      'Lists a directory. By default the direct children with size and time; `nested: true` returns the tree below, ' +
      '`nested` and `flatten` one flat list. Use `light: true` unless sizes matter: it is shorter. What git ignores is ' +
      'left out unless `use_gitignore` is false; other dotfiles are listed. To find files by name use search_files, ' +
      'to find text use search_content, to read one file use file_read.',
    fit: listFit,
    text: {
      form: 'listing',
      defaults: { path: '.', max_entries: 1000, max_content_budget: 20_000 },
      most: { max_entries: 2000, max_content_budget: 200_000 },
    },
  },
  statuses: [404],
  example: { path: '/app', nested: true, max_depth: 3, ignore_patterns: ['*.log', 'build/'] },
  run: (request, { workspace, signal, access }) => listFiles(workspace.walkers, request, signal, access),
})

export const fileStream = operation({
  name: 'file_stream',
  title: 'Stream a listing',
  summary: 'Lists the tree below a directory as NDJSON, one entry a line, without a cap, in the order of the walk.',
  scope: 'files:read',
  area: 'Files',
  input,
  output: Type.Object({ event: Type.String(), path: Type.String(), count: Type.Integer(), ...remarks }),
  routes: [
    {
      method: 'GET',
      path: '/files/stream',
      fixed: { nested: true, flatten: true },
      answers: 'application/x-ndjson',
    },
  ],
  statuses: [404],
  remarks:
    'The first line is `{"event":"start","path"}`, the last `{"event":"done","count"}`; each between is an entry as in ' +
    'GET /files. A failure midway is `{"event":"error","error","code"}`.',
  example: { path: '/app', light: true },
  run: async (request, { workspace, signal, access }) =>
    new EventStream('ndjson', await streamFiles(workspace.walkers, request, signal, access)),
})
