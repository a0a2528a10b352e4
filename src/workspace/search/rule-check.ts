// Whether ripgrep, deciding by the rule files that it says it has read, has decided as git would. It is looked
// at while ripgrep runs, a few files at a time. Rules that the two read differently are rare, so the answer
// mostly is yes; where it is no, the search is done over with the files that our own walk admits.

import { dirname, join, resolve } from 'node:path'
import { lstat } from '../../base/path-calls.ts'
import { gitDirectories, excludesFile } from '../../threads/walk/git-config.ts'
import { fileReadAlike } from './rule-dialect.ts'
import { MOST_FILES } from './ripgrep-remarks.ts'
import type { SearchTarget } from './content-query.ts'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { RULE_FILE_BYTES } from '../../threads/walk/git-rules.ts'
import type { GitHome } from '../../threads/walk/walk-job.ts'

/** Files looked at at a time. */
const AT_A_TIME = 8

/** What ripgrep reads in a repository besides the files among the others. */
const INFO = '/.git/info/exclude'

export class RuleCheck {
  readonly #target: SearchTarget
  readonly #waiting: string[] = []
  readonly #working = new Set<Promise<void>>()
  /** Directories with rules of their own that lie in no repository below the target, and roots of repositories. */
  readonly #ruled = new Set<string>()
  readonly #repositories = new Set<string>()
  #taken = 0
  #odd = false

  constructor(target: SearchTarget) {
    this.#target = target
  }

  /** One of the files is read otherwise by git. */
  get odd(): boolean {
    return this.#odd
  }

  /** Takes the list of the rule files so far, which only grows. */
  take(files: readonly string[]): void {
    // More than are remembered: what the others say is not known.
    if (files.length > MOST_FILES) this.#odd = true
    while (this.#taken < files.length) this.#waiting.push(resolve(this.#target.directory, files[this.#taken++] ?? ''))
    while (this.#working.size < AT_A_TIME && this.#waiting.length > 0 && !this.#odd) this.#work()
  }

  /** Whether all that were taken are read alike by both. */
  async finish(signal: AbortSignal): Promise<boolean> {
    while (this.#working.size > 0 && !this.#odd) {
      await Promise.race(this.#working)
      signal.throwIfAborted()
      this.take([])
    }
    return !this.#odd && !this.#rulesReachIntoRepositories()
  }

  #work(): void {
    const file = this.#waiting.shift()
    if (file === undefined) return
    const work = this.#look(file).then(() => {
      this.#working.delete(work)
      this.take([])
    })
    this.#working.add(work)
  }

  async #look(file: string): Promise<void> {
    const inRepository = file.endsWith(INFO)
    const directory = inRepository ? file.slice(0, -INFO.length) || '/' : dirname(file)
    const [stats, dotGit] = await Promise.all([lookAt(file), lookAt(join(directory, '.git'))])
    if (dotGit !== undefined) this.#repositories.add(directory)
    else this.#ruled.add(directory)
    const text = await readRuleText(file)
    // git follows no link to rules among the files.
    if (text === undefined || !fileReadAlike(text) || (stats?.isSymbolicLink() === true && !inRepository))
      this.#odd = true
    if (dotGit !== undefined && directory !== this.#target.repository && (await hasOwnRules(directory)))
      this.#odd = true
  }

  /**
   * Outside every repository ripgrep is told to look for none, so rules beside repositories would count inside
   * them.
   */
  #rulesReachIntoRepositories(): boolean {
    if (this.#target.repository !== undefined) return false
    return [...this.#repositories].some((root) => {
      for (let at = root; at !== '/'; at = dirname(at)) if (this.#ruled.has(dirname(at))) return true
      return false
    })
  }
}

async function lookAt(path: string) {
  return await lstat(path).catch(() => undefined)
}

/**
 * Whether a repository below the one that is searched says more about what it ignores than ripgrep hears: a file of
 * excludes in its configuration, or rules of a repository that is kept elsewhere.
 */
async function hasOwnRules(root: string): Promise<boolean> {
  const reading = gitDirectories(root)
  let step = reading.next()
  while (step.done !== true) step = reading.next((await readRuleText(step.value)) ?? '')
  const { common } = step.value
  const config = (await readRuleText(join(common, 'config'))) ?? ''
  if (/excludesfile|\[\s*include|worktreeconfig/i.test(config)) return true
  if (common === join(root, '.git')) return false
  const rules = (await readRuleText(join(common, 'info/exclude'))) ?? ''
  return rules.split('\n').some((line) => line.trim() !== '' && !line.startsWith('#'))
}

// Reading of rule files and of git's configuration from the main thread, which may not wait: which file holds
// the user's own excludes. Nothing that could block is opened, and no more is read than rules can have.

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
