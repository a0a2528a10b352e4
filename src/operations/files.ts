// Operations on single files: read, write, stat, delete, and making directories (protocol.md#files,
// protocol.md#tolerant-input), as REST and MCP show them. Listing is in list.ts.

import { operation, type Call } from '../operation.ts'
import { choice, content, flag, optional, path, pathBytes, restCall, toldBytes, Type, whole } from '../schema.ts'
import { makeDirectories } from '../workspace/files/write/new-directory.ts'
import { statPath, MODE_PATTERN, readMode } from '../workspace/files/file-facts.ts'
import { IMAGE_BYTES, readAuto } from '../workspace/files/read/auto-read.ts'
import { readFile, READ_BYTES } from '../workspace/files/read/file-reader.ts'
import { hashCondition, NO_FILE } from '../workspace/files/write/write-job.ts'
import { PROTECTED } from '../workspace/files/moving/kept-directories.ts'
import { removePath } from '../workspace/files/moving/removal.ts'
import { readFit } from './file-fit.ts'

/** The largest line number: the largest exact integer, since nothing else bounds it. */
const MOST_LINES = Number.MAX_SAFE_INTEGER

const READ_MIB = READ_BYTES / 1024 / 1024

const mode = (description: string) => Type.String({ pattern: MODE_PATTERN, description })

const encoding = (description: string) => choice(description, ['utf8', 'base64'], 'utf8')

const digest = (call: Call) => (file: string, signal: AbortSignal) =>
  call.workspace.walkers.hash(file, signal, call.access)

export const fileRead = operation({
  name: 'file_read',
  title: 'Read a file',
  summary: 'Returns the content of a file, whole or a range of its lines.',
  scope: 'files:read',
  area: 'Files',
  input: Type.Object({
    path: path('The file.'),
    path_base64: pathBytes(),
    start_line: optional(
      whole('First line, from 1. Negative: counted from the end, -100 are the last 100 lines.', {
        minimum: -MOST_LINES,
        maximum: MOST_LINES,
      }),
    ),
    end_line: optional(
      whole('Last line, inclusive; beyond the end counts as the end.', { minimum: 1, maximum: MOST_LINES }),
    ),
    with_line_numbers: flag('Puts the line number and a tab before each line; not with base64.', false),
    max_bytes: optional(
      whole('At most so many bytes, as whole lines; next_line says where it goes on. Not given: more is refused.', {
        minimum: 16,
        maximum: READ_BYTES,
      }),
    ),
    encoding: choice(
      'base64 returns the exact bytes, for content that is not UTF-8 text. auto: text as text, an image of at most ' +
        `${IMAGE_BYTES / 1024 / 1024} MiB as base64, of any other binary only type and size.`,
      ['utf8', 'base64', 'auto'],
      'utf8',
    ),
    hash: flag('Adds the SHA-256 of the file in hexadecimal.', false),
  }),
  output: Type.Object({
    path: Type.String(),
    path_base64: toldBytes(),
    content: Type.String(),
    size: Type.Integer({ description: 'Bytes of the whole file.' }),
    lines: Type.Integer({ description: 'Lines returned.' }),
    extension: optional(Type.String({ description: 'With its dot; absent where the name has none.' })),
    start_line: optional(Type.Integer({ description: 'Present where a range was asked for.' })),
    end_line: optional(
      Type.Integer({ description: 'The last line returned; start_line - 1 where the file ends before start_line.' }),
    ),
    total_lines: optional(Type.Integer({ description: 'With max_bytes: lines of the file, up to 64 MiB.' })),
    next_line: optional(
      Type.Integer({ description: 'With max_bytes: start_line of the next call; absent at the end.' }),
    ),
    line_cut: optional(Type.Boolean({ description: 'true: not even one line fitted, this is its beginning.' })),
    content_truncated: optional(Type.Boolean({ description: 'Over MCP: more than fits into one result.' })),
    next: restCall('With content_truncated: the call that reads on.'),
    media_type: optional(Type.String({ description: 'With encoding auto, of a binary file.' })),
    binary: optional(Type.Boolean({ description: 'With encoding auto: content is base64, or left out.' })),
    lossy: optional(Type.Boolean({ description: 'true: bytes that are not UTF-8 were replaced by U+FFFD.' })),
    encoding: optional(Type.String({ description: '"base64" where that was asked for.' })),
    hash: optional(Type.String()),
  }),
  routes: [{ method: 'GET', path: '/files/read' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    description:
      `Read a text file and show its content. At most ${READ_MIB} MiB are returned; of a larger file ask for a range with ` +
      'start_line and end_line (1-based, inclusive). with_line_numbers helps to refer to lines later. ' +
      'Use file_list for directories, search_content to find where something is, and encoding "base64" for binary files. ' +
      'lossy: true in the answer means that the file is not UTF-8 text: do not write it back from there.',
    fit: readFit,
    text: {
      form: 'file',
      moreOfLine: 'exec_run',
      defaults: { with_line_numbers: true, encoding: 'auto', max_bytes: 40_000 },
      most: { max_bytes: 100_000 },
    },
    meta: { 'anthropic/maxResultSizeChars': 500_000, 'anthropic/alwaysLoad': true },
  },
  statuses: [404, 409],
  example: { path: '/app/src/main.ts', start_line: 1, end_line: 40 },
  async run(input, call) {
    const request = {
      path: input.path,
      startLine: input.start_line,
      endLine: input.end_line,
      numbered: input.with_line_numbers && input.encoding !== 'base64',
      maxBytes: input.max_bytes,
      digest: input.hash ? digest(call) : undefined,
      access: call.access,
    }
    const { encoding } = input
    const read =
      encoding === 'auto'
        ? readAuto({ ...request, encoding: 'utf8' }, call.signal)
        : readFile({ ...request, encoding }, call.signal)
    return { path: input.path, ...(await read) }
  },
})

export const fileWrite = operation({
  name: 'file_write',
  title: 'Write a file',
  summary: 'Writes a file, replacing what was there in one step, or appends to it.',
  scope: 'files:write',
  area: 'Files',
  input: Type.Object({
    path: path('The file. A symbolic link is followed.'),
    path_base64: pathBytes(),
    content: content('The whole new content; with append, what is added.'),
    create_dirs: flag('Makes missing parent directories.', false),
    append: flag('Adds to the end instead of replacing.', false),
    mode: optional(
      mode('Permissions in octal, such as "0644". Not given: an existing file keeps its own, a new one gets 0644.'),
    ),
    encoding: encoding('base64: content is the base64 of the bytes to write.'),
    hash: flag('Adds the SHA-256 of the file as written in hexadecimal.', false),
    expected_hash: optional(
      Type.String({
        pattern: `^([0-9A-Fa-f]{64}|${NO_FILE})$`,
        description:
          `SHA-256 (hexadecimal) of the content that must be there now, or "${NO_FILE}": there must be no file. ` +
          'Otherwise nothing changes.',
      }),
    ),
  }),
  output: Type.Object({
    path: Type.String(),
    path_base64: toldBytes(),
    size: Type.Integer({ description: 'Bytes of the file afterwards.' }),
    atomic: optional(
      Type.Boolean({
        description: 'false: the file has other hard links or cannot be replaced, so it was written in place.',
      }),
    ),
    hash: optional(Type.String()),
  }),
  routes: [
    { method: 'POST', path: '/files/write', status: 201 },
    { method: 'PUT', path: '/files/write', status: 201 },
  ],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
    description:
      'Create a file or overwrite it with new content; with append: true add to its end. content is the complete file: read an ' +
      'existing file first and send all of it. Missing parent directories are made unless create_dirs is false. The old content ' +
      'stays whole until the new one replaces it, so a failed call changes nothing. Permissions of an existing file are kept. ' +
      'Use file_mkdir for an empty directory and encoding "base64" for binary content.',
    defaults: { create_dirs: true },
    text: { form: 'written' },
    meta: { 'anthropic/alwaysLoad': true },
  },
  statuses: [404, 409, 507],
  example: { path: '/app/notes/today.md', content: '# Today\n', create_dirs: true },
  async run(input, call) {
    const request = {
      path: input.path,
      content: input.content,
      encoding: input.encoding,
      createDirs: input.create_dirs,
      append: input.append,
      access: call.access,
      mode: readMode(input.mode),
      digest: input.hash ? digest(call) : undefined,
      condition: input.expected_hash === undefined ? undefined : hashCondition(input.expected_hash, digest(call)),
    }
    const { size, atomic, hash } = await call.workspace.writer.write(request, call.signal)
    return {
      path: input.path,
      size,
      ...(atomic || input.append ? {} : { atomic }),
      ...(hash === undefined ? {} : { hash }),
    }
  },
})

export const fileMkdir = operation({
  name: 'file_mkdir',
  title: 'Make a directory',
  summary: 'Makes a directory and its missing parents; an existing one is left as it is.',
  scope: 'files:write',
  area: 'Files',
  input: Type.Object({
    path: path('The directory.'),
    path_base64: pathBytes(),
    mode: { ...mode('Permissions in octal.'), default: '0755' },
  }),
  output: Type.Object({ path: Type.String(), path_base64: toldBytes() }),
  routes: [{ method: 'POST', path: '/files/mkdir', status: 201 }],
  tool: {
    hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
    description:
      'Create a directory, with all missing parents. Succeeds where it exists already and leaves it unchanged. ' +
      'Not needed before file_write, which makes the parents of its file itself.',
  },
  statuses: [404, 409, 507],
  example: { path: '/app/build/cache' },
  async run(input, call) {
    await makeDirectories(input.path, readMode(input.mode), call.access)
    return { path: input.path }
  },
})

export const fileStat = operation({
  name: 'file_stat',
  title: 'Describe a path',
  summary: 'Tells type, size, time of change and permissions of a path, without following a link.',
  scope: 'files:read',
  area: 'Files',
  input: Type.Object({
    path: path('The file, directory or link.'),
    path_base64: pathBytes(),
    hash: flag('Adds the SHA-256 of a regular file in hexadecimal.', false),
  }),
  output: Type.Object({
    path: Type.String(),
    path_base64: toldBytes(),
    name: Type.String(),
    name_base64: toldBytes('name'),
    lossy_name: optional(Type.Boolean({ description: 'true: the name is not UTF-8.' })),
    type: choice('A link is not followed.', ['file', 'directory', 'symlink'], 'file'),
    size: Type.Integer({ description: 'Bytes; 0 for a link.' }),
    modified: Type.String({ description: 'ISO 8601, UTC.' }),
    permissions: Type.String({ description: 'Octal, such as "0644".' }),
    is_code: Type.Boolean({ description: 'true: the name is that of source code.' }),
    uid: Type.Integer(),
    gid: Type.Integer(),
    extension: optional(Type.String({ description: 'With its dot; absent where the name has none.' })),
    symlink_target: optional(Type.String()),
    symlink_target_base64: toldBytes('target'),
    special: optional(Type.String({ description: 'fifo, socket, block_device or character_device, where it is one.' })),
    hash: optional(Type.String()),
  }),
  routes: [{ method: 'GET', path: '/files/stat' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    text: { form: 'facts' },
    description:
      'Check whether a path exists and what it is: type (file, directory, symlink), size, modification time, permissions, link target. ' +
      'Cheaper than reading. Use file_list for what a directory holds and file_read for content.',
  },
  statuses: [404],
  example: { path: '/app/package.json' },
  async run(input, call) {
    const facts = await statPath(input.path, call.access)
    if (!input.hash || facts.type !== 'file' || facts.special !== undefined) return facts
    return { ...facts, hash: await digest(call)(input.path, call.signal) }
  },
})

export const fileDelete = operation({
  name: 'file_delete',
  title: 'Delete a file or directory',
  summary: 'Deletes a file, a link, or a directory with everything below it.',
  scope: 'files:write',
  area: 'Files',
  input: Type.Object({
    path: path('What is deleted. Of a link, the link itself.'),
    path_base64: pathBytes(),
  }),
  output: Type.Object({ path: Type.String(), path_base64: toldBytes() }),
  routes: [
    { method: 'DELETE', path: '/files/delete' },
    { method: 'POST', path: '/files/delete' },
  ],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
    description:
      'Delete a file or remove a directory with everything below it, without a way back. A symbolic link is removed, not its target. ' +
      `Refused for the system directories themselves (${PROTECTED.join(' ')}), the working directory and a tree that a file system is mounted in. ` +
      'A path that does not exist is an error.',
    text: { form: 'deleted' },
    async confirm(input, { access }) {
      const { type } = await statPath(input.path, access)
      return type === 'directory' ? `Delete the directory ${input.path} and everything below it?` : undefined
    },
  },
  statuses: [404, 409],
  example: { path: '/app/old' },
  async run(input, call) {
    const { access, signal, workspace } = call
    await removePath(input.path, { writer: workspace.writer, access, workdir: workspace.workdir }, signal)
    return { path: input.path }
  },
})
