// Uploading an archive: a tar is unpacked into a directory, or any bytes become one file (protocol.md#archives).
// The way back is the download of transfer.ts.

import { Fault } from '../base/fault.ts'
import { operation } from '../operation.ts'
import { choice, path, Type } from '../schema.ts'

export const transferUpload = operation({
  name: 'transfer_upload',
  title: 'Upload an archive',
  summary: 'Unpacks a tar archive, plain or compressed with gzip or zstd, into a directory, which is made if missing.',
  scope: 'files:write',
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
