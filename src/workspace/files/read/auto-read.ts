// Reads a file for a client that does not know what it is: text as text, an image that can be shown as base64, of any
// other binary only its type and size.

import { constants } from 'node:fs'
import { basename } from 'node:path'
import { extensionOf } from '../../../threads/walk/code-files.ts'
import type { Access } from '../opening/access.ts'
import { openRegular } from '../opening/regular-file.ts'
import { kindOf, SNIFFED_BYTES, type FileKind } from './file-kind.ts'
import { readFile, type FileText, type ReadRequest } from './file-reader.ts'

/** Bytes of an image that is returned: models take about that. */
export const IMAGE_BYTES = 1024 * 1024

type AutoRead = FileText & {
  readonly media_type?: string
  /** True if the content is left out, or base64. */
  readonly binary?: true
}

export async function readAuto(request: ReadRequest, signal: AbortSignal): Promise<AutoRead> {
  const { path } = request
  const { kind, size } = await sniff(path, request.access)
  if (!kind.binary) return await readFile(request, signal)
  const marks = { media_type: kind.mediaType, binary: true } as const
  if (kind.mediaType.startsWith('image/') && size <= IMAGE_BYTES) {
    const { digest, access } = request
    const exact = await readFile({ path, numbered: false, encoding: 'base64', digest, access }, signal)
    return { ...exact, ...marks }
  }
  const extension = extensionOf(basename(path))
  const hash = await request.digest?.(path, signal)
  return {
    content: '',
    size,
    lines: 0,
    ...(extension === '' ? {} : { extension }),
    ...(hash === undefined ? {} : { hash }),
    ...marks,
  }
}

async function sniff(path: string, access: Access | undefined): Promise<{ kind: FileKind; size: number }> {
  const { handle, stats } = await openRegular(path, constants.O_RDONLY, access)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0)
    return { kind: kindOf(buffer.subarray(0, bytesRead)), size: stats.size }
  } catch {
    return { kind: { binary: false, mediaType: 'text/plain' }, size: stats.size } // the read itself tells what is wrong
  } finally {
    await handle.close()
  }
}
