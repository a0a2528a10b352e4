// Archives out of the workspace (protocol.md#archives): what lies below some paths, as one stream.

import { ByteStream, operation } from '../operation.ts'
import { list, optional, paths, pathsBytes, Type } from '../schema.ts'
import type { PackRemarks } from '../threads/archive/pack-job.ts'
import { archiveName, chooseFormat, FORMATS, MEDIA_TYPES } from '../workspace/archives/archive-format.ts'
import { contentDisposition } from './content-disposition.ts'

/** The trailer that says what the archive lacks. */
const SKIPPED = 'x-skipped'

export const transferDownload = operation({
  name: 'transfer_download',
  title: 'Download an archive',
  summary:
    'Streams files and directories as tar.gz (or tar.zst, tar); members are named from the base name of each path on.',
  scope: 'files:read',
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

/** JSON, which HTTP can carry once everything but ASCII is escaped. */
function trailerOf({ skipped, first, unlinked }: PackRemarks): string {
  const count = Object.values(skipped).reduce((sum, one) => sum + one, 0)
  const named = first.map(([reason, path]) => ({ path, reason }))
  const text = JSON.stringify({ count, reasons: skipped, first: named, hard_links_as_files: unlinked })
  return text.replaceAll(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
