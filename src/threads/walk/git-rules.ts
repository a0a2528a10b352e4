// Reads git's rule files from disk: those that apply where a walk starts, and those that come into force on the way
// down. Rules count with or without a repository; rules of parents count up to the root of the repository only. A
// directory with `.git` in it is the root of a repository: rules from outside do not apply inside.

import { dirname, join } from 'node:path'
import { existsSync } from '../../base/path-calls.ts'
import { readSmallFile } from './file-bytes.ts'
import { excludesFile, gitDirectories, type ConfigReading } from './git-config.ts'
import { parseRules, within, type RuleScope } from './ignore-rules.ts'
import type { GitHome } from './walk-job.ts'

/** Bytes of a rule file that are read; a larger one is reported as unreadable. */
export const RULE_FILE_BYTES = 1024 * 1024

/** Files of git (configuration, excludes) whose texts are kept: a tree of many repositories has a few for each. */
const MOST_SHARED = 64

/** Called with each rule file that exists and cannot be read. */
export type Complaint = (path: string) => void

export class GitRules {
  readonly #complain: Complaint
  readonly #home: GitHome
  /** Texts of files that more than one repository may read, by path. */
  readonly #shared = new Map<string, string>()
  #silenceTold = false

  constructor(home: GitHome, complain: Complaint) {
    this.#complain = complain
    this.#home = home
  }

  /** Returns the rules in force in `root` (a real path) before its own rule files are read. */
  above(root: string): RuleScope | undefined {
    const between: string[] = []
    for (let at = root; ; at = dirname(at)) {
      if (at !== root) between.unshift(at)
      if (existsSync(join(at, '.git'))) break
      if (at === '/') return this.#outermost(root, undefined)
    }
    let scope: RuleScope | undefined
    between.forEach((directory, i) => {
      scope = this.enter(directory, scope, i === 0, true)
    })
    return scope
  }

  /**
   * Returns the rules in force in `directory`: `outer` are its parent's; `repository`: it holds `.git`; `rules`: it
   * holds `.gitignore`.
   */
  enter(directory: string, outer: RuleScope | undefined, repository: boolean, rules: boolean): RuleScope | undefined {
    const scope = repository ? this.#ofRepository(directory) : outer
    return rules ? within(parseRules(this.#read(join(directory, '.gitignore'))), depthOf(directory), scope) : scope
  }

  #ofRepository(root: string): RuleScope | undefined {
    const { common } = this.#answer(gitDirectories(root))
    const excludes = this.#readOnce(join(common, 'info/exclude'))
    return within(parseRules(excludes), depthOf(root), this.#outermost(root, root))
  }

  /** Returns the user's own excludes, in force below `base`. */
  #outermost(base: string, repository: string | undefined): RuleScope | undefined {
    if (this.#home.silent !== undefined && !this.#silenceTold) this.#complain(this.#home.silent)
    this.#silenceTold = true
    const path = this.#answer(excludesFile(this.#home, repository))
    return within(parseRules(path === undefined ? '' : this.#readOnce(path)), depthOf(base), undefined)
  }

  #answer<T>(reading: ConfigReading<T>): T {
    let step = reading.next()
    while (step.done !== true) step = reading.next(this.#readOnce(step.value))
    return step.value
  }

  /** Reads a file outside the tree; git follows a link there, so this does. */
  #readOnce(path: string): string {
    const known = this.#shared.get(path)
    if (known !== undefined) return known
    const text = this.#read(path, true)
    if (this.#shared.size < MOST_SHARED) this.#shared.set(path, text)
    return text
  }

  /** A missing file holds no rules. */
  #read(path: string, follow = false): string {
    const text = readSmallFile(path, RULE_FILE_BYTES, follow)
    if (text === undefined) this.#complain(path)
    return text ?? ''
  }
}

/** Segments of an absolute path. */
export function depthOf(path: string): number {
  return path === '/' ? 0 : path.split('/').length - 1
}
