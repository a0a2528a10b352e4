// `RuleCheck` decides whether ripgrep, by the rule files that it says it has read, has chosen files as git would. It
// reads those files while ripgrep runs, a few at a time: `take(files)`, then `finish(signal)`. Rules that the two read
// differently are rare, so the answer is mostly yes; if it is no, the search is done again with the files of our own
// walk.

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

/** Files read at a time. */
const AT_A_TIME = 8

/** The rule file of a repository that lies outside its tree. */
const INFO = '/.git/info/exclude'

export class RuleCheck {
  readonly #target: SearchTarget
  readonly #waiting: string[] = []
  readonly #working = new Set<Promise<void>>()
  /** Directories that hold rules, roots of repositories left out. */
  readonly #ruled = new Set<string>()
  /** Roots of repositories. */
  readonly #repositories = new Set<string>()
  #taken = 0
  #odd = false

  constructor(target: SearchTarget) {
    this.#target = target
  }

  /** True if git reads one of the files differently. */
  get odd(): boolean {
    return this.#odd
  }

  /** Takes the list of rule files that ripgrep has read so far; the list only grows. */
  take(files: readonly string[]): void {
    // Files beyond this number are not remembered, so their rules are not known.
    if (files.length > MOST_FILES) this.#odd = true
    while (this.#taken < files.length) this.#waiting.push(resolve(this.#target.directory, files[this.#taken++] ?? ''))
    while (this.#working.size < AT_A_TIME && this.#waiting.length > 0 && !this.#odd) this.#work()
  }

  /** Resolves with true if both read all files that were taken alike. */
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
    // git follows no link to a .gitignore in the tree.
    if (text === undefined || !fileReadAlike(text) || (stats?.isSymbolicLink() === true && !inRepository))
      this.#odd = true
    if (dotGit !== undefined && directory !== this.#target.repository && (await hasOwnRules(directory)))
      this.#odd = true
  }

  /**
   * Returns true if rules outside repositories reach into one: ripgrep is told to look for no repository there, so such
   * rules would count inside it.
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
 * Resolves with true if a repository below the searched directory has rules that ripgrep does not read: a file of
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

/** Flags for reading on the main thread: opening a FIFO or a device must not block. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/**
 * Resolves with the text of a file of rules or settings; undefined if it is missing, no regular file, too large or
 * unreadable.
 */
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

/** Resolves with the path of the user's own excludes, for the repository at `root`; undefined: there is none. */
export async function ownExcludes(home: GitHome, root: string | undefined): Promise<string | undefined> {
  const reading = excludesFile(home, root)
  let step = reading.next()
  while (step.done !== true) step = reading.next((await readRuleText(step.value)) ?? '')
  return step.value
}
