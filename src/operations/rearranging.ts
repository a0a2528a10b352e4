// Operations that move, copy and change permissions: REST has them always, MCP in the toolset `files`
// (protocol.md#choices).

import type { Static } from 'typebox'
import { operation, type Call, type Tool } from '../operation.ts'
import { flag, optional, path, pathBytes, toldBytes, Type } from '../schema.ts'
import { MODE_PATTERN, readMode, writeMode } from '../workspace/files/file-facts.ts'
import { setPermissions } from '../workspace/files/moving/permissions.ts'
import { PROTECTED } from '../workspace/files/moving/kept-directories.ts'

const TOOLSET = { toolset: 'files', routed: 'always' } as const

/** Defaults of the tools, as file_write has them (protocol.md#tools). */
const MAKES_PARENTS = { create_dirs: true }

const relocation = (what: string) =>
  Type.Object({
    path: path(`What is ${what}. Of a symbolic link, the link itself.`),
    path_base64: pathBytes(),
    to: path('Its new path, its name included. Nothing may be there, except a file with overwrite.'),
    to_base64: pathBytes('to'),
    overwrite: flag('Replaces a file at the new path, in one step. A directory is never replaced.', false),
    create_dirs: flag('Makes missing parent directories of the new path.', false),
  })

const count = (description: string) => Type.Integer({ description, minimum: 0 })

const tally = {
  files: count('Files copied'),
  directories: count('Directories copied'),
  links: count('Symbolic links copied as such'),
  bytes: count('Bytes of the files'),
  skipped: count('FIFOs, sockets, devices and directories of /proc and its kin, which are not copied'),
}

const ends = {
  path: Type.String(),
  path_base64: toldBytes(),
  to: Type.String(),
  to_base64: toldBytes('to'),
}

type Relocated = Static<ReturnType<typeof relocation>>

function relocationOf({ create_dirs, ...input }: Relocated) {
  return { ...input, createDirs: create_dirs }
}

/** Asks the client if something may be lost. */
const confirm: Tool<Relocated>['confirm'] = ({ overwrite, to }) =>
  Promise.resolve(overwrite ? `Replace ${to}, if it exists?` : undefined)

export const fileMove = operation({
  name: 'file_move',
  title: 'Move or rename',
  summary: 'Gives a file, link or directory another path, without replacing anything unless asked to.',
  scope: 'files:write',
  area: 'Files',
  input: relocation('moved'),
  output: Type.Object({
    ...ends,
    copied: optional(Type.Object(tally, { description: 'Present where it went to another file system.' })),
  }),
  aliases: { destination: 'to' },
  routes: [{ method: 'POST', path: '/files/move' }],
  tool: {
    ...TOOLSET,
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
    description:
      'Move or rename a file, symbolic link or directory. to is the complete new path, not a directory to move into. ' +
      'Refused where something is there already; overwrite: true replaces a file, never a directory. Missing parent directories are made ' +
      'unless create_dirs is false. Within one file system it happens in one step. Refused for the system directories ' +
      `(${PROTECTED.join(' ')}), the working directory and mount points.`,
    defaults: MAKES_PARENTS,
    confirm,
  },
  statuses: [404, 409, 507],
  example: { path: '/app/src/main.ts', to: '/app/src/index.ts' },
  async run(input, call) {
    const copied = await call.workspace.mover.move({ ...relocationOf(input), access: call.access }, call.signal)
    return { path: input.path, to: input.to, ...(copied === undefined ? {} : { copied }) }
  },
})

export const fileCopy = operation({
  name: 'file_copy',
  title: 'Copy',
  summary: 'Copies a file, link or directory with everything below it; the copy appears whole or not at all.',
  scope: 'files:write',
  area: 'Files',
  input: relocation('copied'),
  output: Type.Object({ ...ends, ...tally }),
  aliases: { destination: 'to' },
  routes: [{ method: 'POST', path: '/files/copy' }],
  tool: {
    ...TOOLSET,
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
    description:
      'Copy a file or a directory with everything below it. to is the complete path of the copy, not a directory to copy into. ' +
      'Refused where something is there already; overwrite: true replaces a file, never a directory. Permissions and times are kept, symbolic ' +
      'links are copied as links, FIFOs, sockets and devices are left out and counted as skipped. Missing parent directories are made ' +
      'unless create_dirs is false. A failed call leaves nothing behind.',
    defaults: MAKES_PARENTS,
    confirm,
  },
  statuses: [404, 409, 507],
  example: { path: '/app/src', to: '/app/copy' },
  async run(input, call) {
    const copied = await call.workspace.mover.copy({ ...relocationOf(input), access: call.access }, call.signal)
    return { path: input.path, to: input.to, ...copied }
  },
})

const octal = (description: string) => Type.String({ pattern: MODE_PATTERN, description })

export const fileChmod = operation({
  name: 'file_chmod',
  title: 'Change permissions',
  summary: 'Sets the permissions of a file or directory, or of everything below it too.',
  scope: 'files:write',
  area: 'Files',
  input: Type.Object({
    path: path('The file or directory; a symbolic link is refused.'),
    path_base64: pathBytes(),
    mode: octal('Permissions in octal, such as "0755".'),
    recursive: flag('Of a directory: sets them of everything below it too. Links are passed over.', false),
    directory_mode: optional(octal('Permissions of directories, where they differ: those need x to be entered.')),
  }),
  output: Type.Object({
    path: Type.String(),
    path_base64: toldBytes(),
    mode: Type.String({ description: 'As it was set, such as "0755".' }),
    changed: count('Files and directories whose permissions were set'),
  }),
  routes: [{ method: 'POST', path: '/files/chmod' }],
  tool: {
    ...TOOLSET,
    hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
    description:
      'Set the permissions (mode, chmod) of a file or directory, such as "0755" to make a script executable. With recursive: true also of ' +
      'everything below a directory; give directory_mode then, since a directory without x cannot be entered. Symbolic links are not followed. ' +
      'file_stat shows the permissions there are.',
  },
  statuses: [404, 409],
  example: { path: '/app/src/main.ts', mode: '0755' },
  run: changePermissions,
})

interface ChmodInput {
  readonly path: string
  readonly mode: string
  readonly recursive: boolean
  readonly directory_mode?: string
}

async function changePermissions({ path: target, mode, recursive, directory_mode }: ChmodInput, call: Call) {
  const request = {
    path: target,
    mode: readMode(mode),
    directoryMode: readMode(directory_mode),
    recursive,
    access: call.access,
  }
  const changed = await setPermissions(request, call.signal)
  return { path: target, mode: writeMode(request.mode), changed }
}
