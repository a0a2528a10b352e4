// Reading of rule files and of git's configuration from the main thread, which may not wait: which file holds
// the user's own excludes. Nothing that could block is opened, and no more is read than rules can have.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { excludesFile } from '../../threads/walk/git-config.ts'
import { RULE_FILE_BYTES } from '../../threads/walk/git-rules.ts'
import type { GitHome } from '../../threads/walk/walk-job.ts'

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/** The text of a file of rules or settings; undefined where there is none, or none that can be read as such. */
export async function readRuleText(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, FLAGS)
    const stats = await file.stat()
    if (!stats.isFile() || stats.size > RULE_FILE_BYTES) return undefined
    return await file.readFile('utf8')
  } catch {
    return undefined
  }
}

/** The path of the file with the user's own excludes, seen from the repository at `root`; undefined: there is none. */
export async function ownExcludes(home: GitHome, root: string | undefined): Promise<string | undefined> {
  const reading = excludesFile(home, root)
  let step = reading.next()
  while (step.done !== true) step = reading.next((await readRuleText(step.value)) ?? '')
  return step.value
}
