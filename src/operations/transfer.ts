// Archives out of the workspace, as one stream, and into it: a tar is unpacked into a directory, or any bytes become
// one file (protocol.md#archives).

import { Fault } from '../base/fault.ts'
import { ByteStream, operation } from '../operation.ts'
import { list, optional, paths, pathsBytes, Type, choice, path } from '../schema.ts'
import type { PackRemarks } from '../threads/archive/pack-job.ts'
import { archiveName, chooseFormat, FORMATS, MEDIA_TYPES } from '../workspace/archives/pack.ts'
import { contentDisposition } from './content-disposition.ts'

/** The trailer that says what the archive lacks. */
const SKIPPED = 'x-skipped'

export const transferDownload = operation({
  name: 'transfer_download',
  title: 'Download an archive',
  summary:
    'Streams files and directories as tar.gz (or tar.zst, tar); members are named from the base name of each path on.',
  scope: 'files:read',
  area: 'Archives',
  input: Type.Object({
    paths: paths('Files, directories and links to take, each under its base name; `/` gives `./etc` and so on.'),
    paths_base64: pathsBytes(),
    exclude_patterns: list(
      'Globs in .gitignore syntax (braces too) of what to leave out below each path: `node_modules`, `*.log`, `src/gen`.',
    ),
    format: optional(
      Type.Unsafe<(typeof FORMATS)[number]>({
        type: 'string',
        enum: [...FORMATS],
        description: 'Without it `Accept` or `Accept-Encoding` may name zstd, and `Accept` tar; else tar.gz.',
      }),
    ),
    accept: optional(Type.String({ description: 'application/gzip, application/zstd or application/x-tar.' })),
    accept_encoding: optional(Type.String({ description: 'zstd where gzip is not named: a tar.zst.' })),
  }),
  output: Type.Object({}),
  routes: [
    {
      method: 'POST',
      path: '/files/transfer/download',
      headers: { accept: 'accept', 'accept-encoding': 'accept_encoding' },
      answers: Object.values(MEDIA_TYPES),
    },
  ],
  statuses: [404],
  example: { paths: ['/app/src', '/app/package.json'], exclude_patterns: ['node_modules', '.git'] },
  run: async (input, { workspace, signal, access }) => {
    const format = chooseFormat(input)
    const packing = await workspace.packers.pack({ ...input, format }, signal, access)
    const headers = {
      'content-type': MEDIA_TYPES[format],
      'content-disposition': contentDisposition('attachment', archiveName(input.paths, format)),
      trailer: SKIPPED,
    }
    return new ByteStream({ headers, trailers: () => ({ [SKIPPED]: trailerOf(packing.remarks) }) }, packing)
  },
})

/** Returns JSON, which HTTP can carry once everything but ASCII is escaped. */
function trailerOf({ skipped, first, unlinked }: PackRemarks): string {
  const count = Object.values(skipped).reduce((sum, one) => sum + one, 0)
  const named = first.map(([reason, path]) => ({ path, reason }))
  const text = JSON.stringify({ count, reasons: skipped, first: named, hard_links_as_files: unlinked })
  return text.replaceAll(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export const transferUpload = operation({
  name: 'transfer_upload',
  title: 'Upload an archive',
  summary: 'Unpacks a tar archive, plain or compressed with gzip or zstd, into a directory, which is made if missing.',
  scope: 'files:write',
  area: 'Archives',
  input: Type.Object({
    dest: path('The directory, or with format raw the file.', { default: '/' }),
    format: choice('raw: the body is no archive; it becomes the file dest as it is.', ['tar', 'raw'], 'tar'),
  }),
  output: Type.Object({
    dest: Type.String(),
    files_extracted: Type.Integer({ description: 'Members that are in their place now, all but directories.' }),
    directories: Type.Integer({ description: 'Members that are directories below dest.' }),
    bytes: Type.Integer({ description: 'Content of the files together.' }),
  }),
  routes: [{ method: 'POST', path: '/files/transfer/upload', body: 'bytes' }],
  statuses: [404, 409, 504, 507],
  example: { dest: '/app/unpacked' },
  async run({ dest, format }, { workspace, body, signal, access }) {
    if (body === undefined) {
      throw new Fault('bad_request', 'the body is empty; accepted is a tar archive, plain or with gzip or zstd', {
        details: { field: 'body' },
      })
    }
    if (format === 'raw') {
      const request = { path: dest, content: body, encoding: 'utf8', createDirs: true, append: false, access } as const
      const { size } = await workspace.writer.write(request, signal)
      return { dest, files_extracted: 1, directories: 0, bytes: size }
    }
    const { files, directories, bytes } = await workspace.unpacker.unpack(dest, body, signal, access)
    return { dest, files_extracted: files, directories, bytes }
  },
})
