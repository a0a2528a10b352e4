// Makes requests of listings and reads their answers.

import { JsonText } from '../../src/base/json-text.ts'
import { CONTENT_BUDGET, type ListFrame, type ListRequest } from '../../src/workspace/listing/listing.ts'

export interface Listed {
  readonly name: string
  readonly path: string
  readonly type: string
  readonly children?: Listed[]
  readonly [field: string]: unknown
}

/** Every default of the catalogue, nested and flat. */
export function listRequest(more: Partial<ListRequest> & { path: string }): ListRequest {
  return {
    nested: true,
    flatten: true,
    light: false,
    include_hash: false,
    include_content: false,
    include_extensions: false,
    code_files_only: false,
    use_gitignore: true,
    max_depth: 20,
    path_filter: '',
    include_ext: [],
    ignore_patterns: [],
    max_content_budget: CONTENT_BUDGET,
    ...more,
  }
}

/** What rendered text says. */
export function parsed<T>(text: T | JsonText<unknown>): Listed[] {
  return text instanceof JsonText ? (JSON.parse(Buffer.concat(text.chunks).toString()) as Listed[]) : []
}

/** The entries of a stream; its own events are left out. */
export async function linesOf(frames: AsyncIterable<ListFrame>): Promise<Listed[]> {
  const chunks: Uint8Array[] = []
  for await (const frame of frames) if ('rendered' in frame) chunks.push(frame.rendered)
  const lines = Buffer.concat(chunks).toString().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Listed)
}
