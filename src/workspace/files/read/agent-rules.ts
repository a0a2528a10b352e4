// Reads the workspace's own advice for agents (AGENTS.md and its like): anew each time, bounded, and never a reason to
// fail. A file that is missing, not regular or not text counts as empty.

import { isAbsolute, join } from 'node:path'
import { trailingHalf } from '../../exec/output-text.ts'
import { kindOf } from './file-kind.ts'
import { readRepositoryFile, type Repository } from './repository-file.ts'

/** Bytes of all files together: a model reads them in every conversation. */
export const RULES_BYTES = 32 * 1024

interface AgentRules {
  readonly path: string
  readonly text: string
  /** True if the file goes on. */
  readonly cut: boolean
}

/** Resolves with the rules found. `files` are absolute, or relative to the repository's top. */
export async function readAgentRules(repository: Repository, files: readonly string[]): Promise<AgentRules[]> {
  const found: AgentRules[] = []
  let room = RULES_BYTES
  for (const file of files) {
    if (room <= 0) break
    const read = await readRepositoryFile(file, repository, room)
    if (read === undefined || kindOf(read.bytes).binary) continue
    const { bytes, cut } = read
    const text = bytes.toString('utf8', 0, bytes.byteLength - (cut ? trailingHalf(bytes) : 0)).trim()
    if (text === '') continue
    found.push({ path: isAbsolute(file) ? file : join(repository.top, file), text, cut })
    room -= bytes.byteLength
  }
  return found
}
