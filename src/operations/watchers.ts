// The operations on watchers. A tree is watched until a client deletes its watcher, even if the creator has left
// (protocol.md#watchers). The daemon sends frames on /ws; callers without a socket ask with a cursor. A reply has its
// fields twice, flat and nested (protocol.md#tolerant-input).

import { operation } from '../operation.ts'
import { flag, id, list, number, optional, path, restCall, text, Type } from '../schema.ts'
import { changesFit } from './watcher-fit.ts'
import { CHANGES_AT_ONCE, DEFAULT_EXCLUDES, type Watcher } from '../workspace/watchers/watchers.ts'

/** Seconds that a call may wait: below the deadlines of common gateways and clients. */
const LONGEST_WAIT = 50

const fields = {
  id: Type.String(),
  root: Type.String({ description: 'The directory, as it was given' }),
  path: Type.String({ description: 'The same' }),
  dirs: Type.Integer({ description: 'Directories watched' }),
  dir_count: Type.Integer({ description: 'The same' }),
  excludes: Type.Array(Type.String(), { description: 'The globs of the request' }),
  default_excludes: Type.Boolean({ description: 'Whether the default excludes apply too' }),
  active: Type.Boolean({ description: 'False once the directory has gone' }),
  recursive: Type.Boolean(),
  mode: Type.Unsafe<Watcher['mode']>({
    type: 'string',
    enum: ['inotify', 'polling'],
    description: 'polling: the file system does not notify, so it is looked at every second',
  }),
  created_at: Type.String({ description: 'ISO 8601' }),
  cursor: Type.String({ description: 'What happens from now on is after it; see `since` of watcher_get' }),
  errors: optional(Type.Integer({ description: 'Directories that may not be read' })),
  unreadable: optional(Type.Array(Type.String(), { description: 'The first of their paths' })),
  problem: optional(Type.String({ description: 'Why part of the tree is not watched at present' })),
}

const one = Type.Object(fields)
const reply = Type.Object({ watcher: one, ...fields })

const change = Type.Object({
  path: Type.String(),
  op: Type.Unsafe<'create' | 'write' | 'remove' | 'rename' | 'unknown'>({
    type: 'string',
    enum: ['create', 'write', 'remove', 'rename', 'unknown'],
    description: 'rename: moved away; unknown: attributes',
  }),
  directory: optional(Type.Boolean({ description: 'It is a directory; remove and rename stand for all below' })),
  created: optional(Type.Boolean({ description: 'Of a write: the file is new' })),
  from: optional(Type.String({ description: 'Of a create: where it was moved from' })),
  to: optional(Type.String({ description: 'Of a rename: where it was moved to' })),
  path_base64: optional(Type.String({ description: 'The bytes of a path that is not UTF-8' })),
  from_base64: optional(Type.String()),
  to_base64: optional(Type.String()),
})

const watcherId = id('The watcher, as watcher_create and watcher_list name it.')

export const watcherCreate = operation({
  name: 'watcher_create',
  title: 'Watch a directory',
  summary: 'Watches a directory and everything below it, new directories included.',
  scope: 'watch',
  area: 'Watching for changes',
  input: Type.Object({
    path: path('Directory to watch.'),
    excludes: list('Globs in .gitignore syntax (braces too), relative to `path`, to leave out.'),
    default_excludes: flag(`Leave out ${DEFAULT_EXCLUDES.join(', ')} too.`, true),
  }),
  output: reply,
  aliases: { root: 'path', exclude: 'excludes' },
  routes: [{ method: 'POST', path: '/watchers', status: 201 }],
  tool: {
    hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
    text: { form: 'watcher', more: 'watcher_get' },
    description:
      'Watch a directory tree for changes. Returns an id and a cursor; then call watcher_get with `since` set to the cursor ' +
      '(and wait_seconds) to learn what was created, written, removed or renamed. Dependencies, build output, version ' +
      'control and editor files are left out unless default_excludes is false. Few watchers may exist at once: delete ' +
      'the ones no longer needed with watcher_delete.',
  },
  statuses: [404, 409],
  example: { path: '/app', excludes: ['*.log'] },
  async run(input, { workspace, signal, access }) {
    const request = { root: input.path, excludes: input.excludes, defaultExcludes: input.default_excludes }
    return replyOf(await workspace.watchers.create(request, signal, access))
  },
})

export const watcherList = operation({
  name: 'watcher_list',
  title: 'List watchers',
  summary: 'Lists the watchers.',
  scope: 'watch',
  area: 'Watching for changes',
  input: Type.Object({}),
  output: Type.Object({ watchers: Type.Array(one, { description: 'Oldest first' }) }),
  routes: [{ method: 'GET', path: '/watchers' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    text: { form: 'watchers', more: 'watcher_get' },
    description: 'List the watchers: id, directory, what they leave out, and whether they are still active.',
  },
  example: {},
  run: (_input, { workspace }) => Promise.resolve({ watchers: workspace.watchers.list().map(reportOf) }),
})

export const watcherGet = operation({
  name: 'watcher_get',
  title: 'Look at a watcher',
  summary: 'Shows one watcher, and with `since` what has changed, waiting for a change where asked to.',
  scope: 'watch',
  area: 'Watching for changes',
  input: Type.Object({
    id: watcherId,
    since: optional(text('A `cursor` of an earlier answer: the changes after it are returned.', { maxLength: 64 })),
    wait_seconds: number('With `since`: seconds to wait for the first change when there is none yet.', {
      minimum: 0,
      maximum: LONGEST_WAIT,
      default: 0,
    }),
  }),
  output: Type.Object({
    watcher: one,
    ...fields,
    changes: optional(Type.Array(change, { description: `At most ${CHANGES_AT_ONCE}, in order` })),
    count: optional(Type.Integer()),
    more: optional(Type.Boolean({ description: 'Ask again with `cursor`: there are more already' })),
    next: restCall('Over MCP, where there are more already: the call that shows them'),
    resync: optional(
      Type.Boolean({ description: 'What happened is not known any more: look at the files themselves' }),
    ),
    reason: optional(Type.String({ description: 'Of resync: expired or restarted' })),
  }),
  aliases: { watcher_id: 'id' },
  routes: [{ method: 'GET', path: '/watchers/:id' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    fit: changesFit,
    text: { form: 'watcher' },
    description:
      'Get a watcher, and with `since` (the cursor of the last answer) the changes after it: path and op create, write, ' +
      'remove, rename (moved away) or unknown (attributes). With wait_seconds it waits for the first change. Go on with ' +
      'the returned cursor. resync true means that what happened is not known any more: list the files instead. ' +
      'A removed or renamed directory stands for everything below it.',
  },
  statuses: [404],
  example: { id: '3', since: '5f2a9c01d4e7-3-42', wait_seconds: 20 },
  async run(input, { workspace, signal, access }) {
    if (input.since === undefined) return replyOf(workspace.watchers.get(input.id))
    const question = { since: input.since, waitSeconds: input.wait_seconds, limited: !access.everything }
    const { resync, ...told } = await workspace.watchers.changes(input.id, question, signal)
    const reason = resync === undefined ? {} : { resync: true, reason: resync }
    return { ...replyOf(workspace.watchers.get(input.id)), ...told, ...reason }
  },
})

export const watcherDelete = operation({
  name: 'watcher_delete',
  title: 'Stop watching',
  summary: 'Deletes a watcher.',
  scope: 'watch',
  area: 'Watching for changes',
  input: Type.Object({ id: watcherId }),
  output: Type.Object({ id: Type.String(), watcher_id: Type.String() }),
  aliases: { watcher_id: 'id' },
  routes: [{ method: 'DELETE', path: '/watchers/:id' }],
  tool: {
    hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
    text: { form: 'watcher' },
    description: 'Delete a watcher by its id. The files it watched are not touched.',
  },
  statuses: [404],
  example: { id: '3' },
  run(input, { workspace }) {
    workspace.watchers.delete(input.id)
    return Promise.resolve({ id: input.id, watcher_id: input.id })
  },
})

function reportOf(watcher: Watcher) {
  const { coverage } = watcher
  return {
    id: watcher.id,
    root: watcher.root,
    path: watcher.root,
    dirs: coverage.dirs,
    dir_count: coverage.dirs,
    excludes: [...watcher.excludes],
    default_excludes: watcher.defaultExcludes,
    active: watcher.active,
    recursive: true,
    mode: watcher.mode,
    created_at: watcher.createdAt.toISOString(),
    cursor: watcher.cursor,
    ...(coverage.errors === 0 ? {} : { errors: coverage.errors, unreadable: [...coverage.unreadable] }),
    ...(coverage.problem === undefined ? {} : { problem: coverage.problem }),
  }
}

function replyOf(watcher: Watcher) {
  const report = reportOf(watcher)
  return { watcher: report, ...report }
}
