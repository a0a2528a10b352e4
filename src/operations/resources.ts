// Resources: content that an MCP client reads by URI: the runtime's description, files, the output of commands and
// terminals. Here are the operations behind the URIs; they have no route and are no tools.

import { basename, dirname, extname, join } from 'node:path'
import { EventStream, operation, type Operation, type Frame } from '../operation.ts'
import { resourceContents, type ResourceKind } from '../resource.ts'
import { id, path, text, Type } from '../schema.ts'
import { outputText } from '../workspace/exec/output-text.ts'
import { withoutWithheld } from '../workspace/files/opening/access.ts'
import { readFile } from '../workspace/files/read/file-reader.ts'
import { entriesIn } from '../workspace/listing/directory-entries.ts'
import { runtimeInfo } from './system.ts'
import { scrollbackReport } from './terminal-report.ts'
import { Waiters } from '../base/waiting.ts'
import type { PathWatches } from '../workspace/watchers/path-watches.ts'

/** Values handed out for a completion: the protocol takes 100, and one more says that there are more. */
const MOST_VALUES = 101

const values = Type.Object({ values: Type.Array(Type.String()) })
const beginning = Type.Object({ value: text('The beginning of the value.', { default: '', maxLength: 4096 }) })

const infoRead = operation({
  name: 'resource_info',
  title: runtimeInfo.title,
  summary: runtimeInfo.summary,
  scope: runtimeInfo.scope,
  input: Type.Object({}),
  output: resourceContents,
  routes: [],
  async run(_, call) {
    return { mime_type: 'application/json', text: JSON.stringify(await runtimeInfo.run({}, call), undefined, 2) }
  },
})

const fileRead = operation({
  name: 'resource_file',
  title: 'File',
  summary: 'Reads a file: as text where it is UTF-8, else its bytes.',
  scope: 'files:read',
  input: Type.Object({ path: path('File to read.') }),
  output: resourceContents,
  routes: [],
  async run(input, { signal, access }) {
    const request = { path: input.path, numbered: false, access } as const
    const { content, lossy } = await readFile({ ...request, encoding: 'utf8' }, signal)
    const known = MIME_TYPES[extname(input.path).toLowerCase()]
    if (lossy !== true) return { mime_type: known ?? 'text/plain', text: content }
    const exact = await readFile({ ...request, encoding: 'base64' }, signal)
    return { mime_type: known ?? 'application/octet-stream', blob: exact.content }
  },
})

/** Types of endings that say more whose type says more than text or bytes (IANA media types). */
const MIME_TYPES: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.xml': 'application/xml',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.pdf': 'application/pdf',
}

const fileComplete = operation({
  name: 'resource_file_complete',
  title: 'Complete a path',
  summary: 'Names the entries of a directory that begin as a path does; directories end with a slash.',
  scope: 'files:read',
  input: beginning,
  output: values,
  routes: [],
  async run({ value }, { access }) {
    const typed = `/${value.replace(/^\/+/, '')}`
    const [directory, start] = typed.endsWith('/') ? [typed, ''] : [dirname(typed), basename(typed)]
    const entries = await entriesIn(directory, access).catch(() => []) // what is not there has no entries
    const found = entries.filter(({ name }) => name.startsWith(start)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const paths = found
      .slice(0, MOST_VALUES)
      .map((entry) => join(directory, entry.name) + (entry.isDirectory() ? '/' : ''))
    // In the form it was begun in: an address has its first slash outside of the variable.
    return { values: value.startsWith('/') ? paths : paths.map((one) => one.slice(1)) }
  },
})

const fileWatch = operation({
  name: 'resource_file_watch',
  title: 'Watch files',
  summary: 'Tells of each change of some files or of what is directly in some directories.',
  scope: 'files:read',
  input: Type.Object({ values: Type.Array(path('A file or directory.'), { maxItems: 100 }) }),
  output: Type.Object({}),
  routes: [],
  async run(input, { workspace, signal, access }) {
    const paths = await withoutWithheld(input.values, access)
    return new EventStream('sse', changesOf(workspace.pathWatches, paths, signal))
  },
})

function outputRead(stream: 'stdout' | 'stderr') {
  return operation({
    name: `resource_exec_${stream}`,
    title: `Output on ${stream}`,
    summary: `Reads what is kept of the ${stream} of a command: all of it, or its end.`,
    scope: 'exec',
    input: Type.Object({ id: id('The task.') }),
    output: resourceContents,
    routes: [],
    async run(input, { workspace }) {
      const task = workspace.tasks.get(input.id)
      const { pieces, bytes, total } = task.tail(stream)
      const cut = { front: total > bytes, back: task.end === undefined }
      return { mime_type: 'text/plain', text: (await outputText(pieces, cut)).text }
    },
  })
}

const taskIds = idOperations('exec', 'task', (workspace) => workspace.tasks.list().map((task) => task.id))

const terminalRead = operation({
  name: 'resource_terminal',
  title: 'Terminal',
  summary: 'Reads what a terminal printed last.',
  scope: 'terminal',
  input: Type.Object({ id: id('The terminal.') }),
  output: resourceContents,
  routes: [],
  run(input, { workspace }) {
    const terminal = workspace.terminals.get(input.id)
    const { scrollback } = scrollbackReport(terminal, { ...terminal.tail(terminal.scrollback), gap: 0 }, true)
    return Promise.resolve({ mime_type: 'text/plain', text: scrollback })
  },
})

const terminalIds = idOperations('terminal', 'terminal', (workspace) =>
  workspace.terminals.list().map((terminal) => String(terminal.id)),
)

/** Returns the operations that list the ids of a kind, and complete one. */
function idOperations(
  scope: Operation['scope'],
  noun: string,
  list: (workspace: Parameters<Operation['run']>[1]['workspace']) => string[],
) {
  const common = { scope, output: values, routes: [], title: `Ids of ${noun}s` } as const
  return {
    list: operation({
      ...common,
      name: `resource_${noun}_list`,
      summary: `Names the ${noun}s there are.`,
      input: Type.Object({}),
      run: (_, { workspace }) => Promise.resolve({ values: list(workspace) }),
    }),
    complete: operation({
      ...common,
      name: `resource_${noun}_complete`,
      summary: `Names the ${noun}s whose id begins as given.`,
      input: beginning,
      run: ({ value }, { workspace }) =>
        Promise.resolve({
          values: list(workspace)
            .filter((one) => one.startsWith(value))
            .slice(0, MOST_VALUES),
        }),
    }),
  }
}

type Input = Readonly<Record<string, string>>

export const resourceKinds = [
  {
    template: 'runtime://info',
    name: 'runtime-info',
    title: 'This runtime',
    description: 'Operating system, processors, home directory, shell and capabilities, as JSON.',
    mimeType: 'application/json',
    read: infoRead,
  },
  {
    template: 'file:///{path}',
    name: 'file',
    title: 'A file',
    description:
      'A file of the workspace by its absolute path: text where it is UTF-8, else its bytes. At most 10 MiB.',
    read: fileRead,
    more: ({ path }: Input, shown: string) => ({
      tool: 'file_read',
      arguments: { path, start_line: shown.split('\n').length },
    }),
    complete: fileComplete,
    watch: fileWatch,
  },
  {
    template: 'exec://{id}/stdout',
    name: 'exec-stdout',
    title: 'Output of a command',
    description: 'What is kept of the standard output of a command, by its id: all of it, or its end.',
    mimeType: 'text/plain',
    read: outputRead('stdout'),
    more: ({ id }: Input) => ({ tool: 'exec_get', arguments: { id, stream: 'stdout', offset: 0 } }),
    ...taskIds,
  },
  {
    template: 'exec://{id}/stderr',
    name: 'exec-stderr',
    title: 'Errors of a command',
    description: 'What is kept of the standard error of a command, by its id: all of it, or its end.',
    mimeType: 'text/plain',
    read: outputRead('stderr'),
    more: ({ id }: Input) => ({ tool: 'exec_get', arguments: { id, stream: 'stderr', offset: 0 } }),
    ...taskIds,
  },
  {
    template: 'terminal://{id}/scrollback',
    name: 'terminal-scrollback',
    title: 'What a terminal printed',
    description: 'The last output of a terminal, by its id, as the text it printed.',
    mimeType: 'text/plain',
    read: terminalRead,
    more: ({ id }: Input) => ({ tool: 'terminal_scrollback', arguments: { id, text: true, from: 0 } }),
    ...terminalIds,
  },
] as unknown as readonly ResourceKind[] // each operation is one of its own schemas; the gate types the input by them

/**
 * Returns the changes of single paths as a stream of frames: first the watched paths, then each changed path, named
 * once even if it changed several times since the last frame.
 */
async function* changesOf(
  watches: PathWatches,
  paths: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Frame, void> {
  const changed = new Set<string>()
  const waiters = new Waiters()
  using watch = await watches.watch(
    paths,
    (path) => {
      changed.add(path)
      waiters.wake()
    },
    signal,
  )
  yield { event: 'watching', data: { values: watch.paths } }
  while (!signal.aborted) {
    for (const path of changed) {
      changed.delete(path)
      yield { event: 'changed', data: { value: path } }
    }
    await waiters.until(() => changed.size > 0, signal)
  }
}
