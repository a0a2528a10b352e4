// The progress of a command, for a client that asked to be told: the last line it printed, on the stream on which it
// printed last.

import { stripVTControlCharacters } from 'node:util'
import type { Task } from '../workspace/exec/task.ts'
import type { Excerpt } from '../workspace/exec/task-output.ts'

/** Bytes from the end in which a line is looked for. */
const LOOKED_AT = 4096

/** Returns a function that looks anew at each call; undefined as long as nothing was printed. */
export function lastLineOf(task: Task): () => string | undefined {
  const seen = { stdout: 0, stderr: 0 }
  let line: string | undefined
  return () => {
    for (const stream of ['stderr', 'stdout'] as const) {
      const excerpt = task.tail(stream)
      if (excerpt.total <= seen[stream]) continue
      seen[stream] = excerpt.total
      line = lastLine(endOf(excerpt)) ?? line
    }
    return line
  }
}

function endOf({ pieces }: Excerpt): Buffer {
  const last: Buffer[] = []
  let bytes = 0
  for (let i = pieces.length - 1; i >= 0 && bytes < LOOKED_AT; i--) {
    const piece = pieces[i]?.subarray(-LOOKED_AT) ?? Buffer.alloc(0)
    last.unshift(piece)
    bytes += piece.byteLength
  }
  return Buffer.concat(last).subarray(-LOOKED_AT)
}

/** Returns the last line with anything to read on it; a carriage return begins it anew. Exported for its test. */
export function lastLine(bytes: Buffer): string | undefined {
  const lines = stripVTControlCharacters(bytes.toString('utf8')).split(/[\r\n]+/)
  return lines.findLast((line) => /[^\s\p{C}\uFFFD]/u.test(line))?.trim()
}
