// What the workspace's own files tell agents (AGENTS.md and its like): read anew each time, bounded, and
// never a reason to fail. A file that is missing, not regular or not text is as if it were empty.

import { constants } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { trailingHalf } from '../exec/output-text.ts'
import { kindOf } from './file-kind.ts'
import { openRegular } from './regular-file.ts'

/** Bytes of all files together (issue: instructions). */
export const RULES_BYTES = 32 * 1024

export interface AgentRules {
  readonly path: string
  readonly text: string
  /** The file goes on. */
  readonly cut: boolean
}

/** `files` are absolute, or relative to `workdir`. */
export async function readAgentRules(workdir: string, files: readonly string[]): Promise<AgentRules[]> {
  const found: AgentRules[] = []
  let room = RULES_BYTES
  for (const file of files) {
    if (room <= 0) break
    const path = isAbsolute(file) ? file : join(workdir, file)
    const read = await readBeginning(path, room).catch(() => undefined)
    if (read === undefined || read.text.trim() === '') continue
    found.push({ path, text: read.text.trim(), cut: read.cut })
    room -= read.bytes
  }
  return found
}

async function readBeginning(
  path: string,
  most: number,
): Promise<{ text: string; bytes: number; cut: boolean } | undefined> {
  const { handle } = await openRegular(path, constants.O_RDONLY)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(most + 1), 0, most + 1, 0)
    const cut = bytesRead > most
    const bytes = buffer.subarray(0, Math.min(bytesRead, most))
    if (kindOf(bytes).binary) return undefined
    const whole = bytes.subarray(0, bytes.byteLength - (cut ? trailingHalf(bytes) : 0))
    return { text: whole.toString('utf8'), bytes: bytes.byteLength, cut }
  } finally {
    await handle.close()
  }
}
