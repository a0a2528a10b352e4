// The rule files of git on disk: which apply where a walk starts, and which come into force on the way
// down. Rules count with or without a repository; parents' rules up to the repository root only
// (contract 16, "Listing"). A directory with `.git` in it is the root of its own repository: what applies
// outside it does not apply inside.

import { dirname, join } from 'node:path'
import { existsSync } from 'node:fs'
import { readSmallFile } from './file-bytes.ts'
import { parseRules, within, type Scope } from './ignore-rules.ts'
import type { GitHome } from './walk-job.ts'

/** Bytes of a rule file that are read; a larger one is reported as unreadable. */
const RULE_FILE_BYTES = 1024 * 1024

/** Told of each rule file that exists and cannot be read. */
export type Complaint = (path: string) => void

export class GitRules {
  readonly #complain: Complaint
  /** Text of the user's own excludes. */
  readonly #global: string

  constructor(home: GitHome, complain: Complaint) {
    this.#complain = complain
    this.#global = readGlobalExcludes(home, (path) => this.#read(path))
  }

  /** What applies in `root` (a real path) before its own rule files are read. */
  above(root: string): Scope | undefined {
    const between: string[] = []
    for (let at = root; ; at = dirname(at)) {
      if (at !== root) between.unshift(at)
      if (existsSync(join(at, '.git'))) break
      if (at === '/') return this.#outermost(root)
    }
    let scope: Scope | undefined
    between.forEach((directory, i) => {
      scope = this.enter(directory, scope, i === 0, true)
    })
    return scope
  }

  /** What applies in `directory`, given what applies in its parent and which of the two names it holds. */
  enter(directory: string, outer: Scope | undefined, repository: boolean, rules: boolean): Scope | undefined {
    const scope = repository ? this.#ofRepository(directory) : outer
    return rules ? within(parseRules(this.#read(join(directory, '.gitignore'))), depthOf(directory), scope) : scope
  }

  #ofRepository(root: string): Scope | undefined {
    const excludes = join(
      gitDirectory(root, (path) => this.#read(path)),
      'info/exclude',
    )
    return within(parseRules(this.#read(excludes)), depthOf(root), this.#outermost(root))
  }

  #outermost(base: string): Scope | undefined {
    return within(parseRules(this.#global), depthOf(base), undefined)
  }

  /** A missing file holds no rules. */
  #read(path: string): string {
    const text = readSmallFile(path, RULE_FILE_BYTES)
    if (text === undefined) this.#complain(path)
    return text ?? ''
  }
}

/** Segments of an absolute path. */
export function depthOf(path: string): number {
  return path === '/' ? 0 : path.split('/').length - 1
}

type Read = (path: string) => string

/** Where the repository at `root` keeps `info/exclude`: a worktree's `.git` is a file that leads there. */
function gitDirectory(root: string, read: Read): string {
  const dotGit = join(root, '.git')
  const link = linkTarget(readSmallFile(dotGit, 4096) ?? '')
  if (link === undefined) return dotGit
  const own = join(link.startsWith('/') ? '/' : root, link)
  const common = read(join(own, 'commondir')).trim()
  if (common === '') return own
  return join(common.startsWith('/') ? '/' : own, common)
}

function linkTarget(text: string): string | undefined {
  return /^gitdir: ([^\r\n]+)/.exec(text)?.[1]
}

/** The text of `core.excludesFile`, or of git's default for it. */
function readGlobalExcludes({ home, configHome }: GitHome, read: Read): string {
  const config = configHome ?? (home === undefined ? undefined : join(home, '.config'))
  const candidates = [
    home === undefined ? undefined : join(home, '.gitconfig'),
    config === undefined ? undefined : join(config, 'git/config'),
  ]
  for (const candidate of candidates) {
    const named = candidate === undefined ? undefined : excludesFile(read(candidate))
    if (named === undefined) continue
    const path = named.startsWith('~/') && home !== undefined ? join(home, named.slice(2)) : named
    return path.startsWith('/') ? read(path) : ''
  }
  return config === undefined ? '' : read(join(config, 'git/ignore'))
}

/** The value of `excludesFile` in the `[core]` section of a git configuration. */
export function excludesFile(config: string): string | undefined {
  let section = ''
  let found: string | undefined
  for (const line of config.split('\n')) {
    const header = /^\s*\[\s*([^\]\s"]+)/.exec(line)?.[1]
    if (header !== undefined) section = header.toLowerCase()
    const value = /^\s*excludesfile\s*=\s*"?([^"\r]*?)"?\s*$/i.exec(line)?.[1]
    if (section === 'core' && value !== undefined && value !== '') found = value
  }
  return found
}
