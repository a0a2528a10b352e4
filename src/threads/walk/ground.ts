// Ground: what all walks of a tree share. It knows where a walk starts, which directories it may enter, which entries
// the ignore rules leave out, and what could not be read: `new Ground(path, rules)`, then `enter`, `admits` and
// `descend`. Links below the root are never followed (protocol.md#files), unreadable places are counted and named, and
// `tired` tells the walk to end its turn in time.

import { constants } from 'node:fs'
import { accessSync, existsSync, realpathSync, statSync } from '../../base/path-calls.ts'
import { shownText } from '../../base/bytes-text.ts'
import { Fault, errnoOf, faultOfSystem, quote } from '../../base/fault.ts'
import { below, readDirectory, relative, rootLocation, type Item, type Location } from './directory.ts'
import { GitRules } from './git-rules.ts'
import { isIgnored, rulesOfGlobs, within, type RuledDirectory, type RuleScope } from './ignore-rules.ts'
import { pathOfOpened } from '../../base/opened-path.ts'
import { Bounds, Withheld, type Refuses } from './left-out.ts'
import { forbiddenToWalks, isWithin } from './mounts.ts'
import type { RuleChoice } from './walk-job.ts'

/** Entries between two looks at the clock; about half a millisecond. */
const STINT = 1000
/** The work of trying one rule, in entries. */
const RULE = 1 / 16
/** Unreadable places that the answer names; the others are counted. */
const NAMED_ERRORS = 10

const SLASH = 0x2f

/** A directory that a walk has entered or is going to enter. */
export class WalkedDirectory implements Location, RuledDirectory {
  readonly path: string
  readonly raw: Buffer | undefined
  /** 0 for the root of the walk. */
  readonly depth: number
  /** Ignore rules in force; complete after `enter`. */
  scope: RuleScope | undefined
  /** True if no other user may exchange a directory on the way to it; after `enter`: nor an entry in it. */
  firm: boolean
  /** True if its path is not UTF-8. */
  lossy: boolean
  readonly #parent: WalkedDirectory | readonly string[]
  readonly #name: string
  #segments: readonly string[] | undefined

  constructor(location: Location, name: string, parent: WalkedDirectory | readonly string[]) {
    this.path = location.path
    this.raw = location.raw
    this.#parent = parent
    this.#name = name
    this.depth = parent instanceof WalkedDirectory ? parent.depth + 1 : 0
    this.scope = parent instanceof WalkedDirectory ? parent.scope : undefined
    this.firm = parent instanceof WalkedDirectory && parent.firm
    this.lossy = parent instanceof WalkedDirectory && parent.lossy
  }

  /** Segments of the real path; made only for the few rules that look at more than a name. */
  get segments(): readonly string[] {
    if (this.#parent instanceof WalkedDirectory) this.#segments ??= [...this.#parent.segments, this.#name]
    return this.#segments ?? (this.#parent as readonly string[])
  }
}

export class Ground {
  readonly root: WalkedDirectory
  /** The places that the caller may not see; undefined: none. */
  readonly withheld: Withheld | undefined
  errors = 0
  readonly unreadable: string[] = []
  readonly #git: GitRules | undefined
  readonly #patterns: RuleScope | undefined
  readonly #forbidden: ReadonlySet<string>
  readonly #bounds: Bounds
  readonly #real: string
  /** The root's path as the caller gave it. */
  readonly #told: Buffer
  #work = 0

  /** Throws the Fault of a root that is missing, is not a directory, or may not be read by the daemon. */
  constructor(path: string, rules: RuleChoice) {
    const { judged } = rules
    this.withheld = judged === undefined ? undefined : new Withheld(judged)
    const where = judged === undefined ? path : pathOfOpened(judged.fd)
    this.#real = openRoot(where, path)
    this.#bounds = new Bounds(where)
    const segments = this.#real === '/' ? [] : this.#real.slice(1).split('/')
    const root = rootLocation(path)
    this.#told = root.raw ?? Buffer.from(path)
    this.root = new WalkedDirectory(judged === undefined ? root : { ...root, raw: Buffer.from(where) }, '', segments)
    this.root.lossy = root.raw !== undefined
    this.#patterns = within(rulesOfGlobs(rules.patterns), segments.length, undefined)
    this.#git = rules.gitignore ? new GitRules(rules.home, (file) => this.complain(file)) : undefined
    this.root.firm = this.#bounds.firm
    this.root.scope = this.#git?.above(this.#real)
    this.#forbidden = forbiddenToWalks()
  }

  /** Returns the entries of a directory before ignore rules; its `scope` is complete when this returns. */
  enter(directory: WalkedDirectory): Iterable<Item> {
    try {
      // The root was judged and is where the bounds are: without withheld places there is nothing to ask.
      const refuses = directory.depth === 0 && this.withheld === undefined ? undefined : this.refusesIn(directory)
      const reading = readDirectory(directory, directory.depth === 0, refuses)
      directory.firm &&= reading.firm
      if (this.#git !== undefined) this.#takeRules(this.#git, directory, reading.large ? undefined : reading.items)
      return reading.large ? this.#guarded(reading.items, directory) : reading.items
    } catch (error) {
      this.#failed(error, directory.path)
      return []
    }
  }

  /** Returns whether the rules and the caller's limits let an entry through. */
  admits(directory: WalkedDirectory, item: Item): boolean {
    if (this.withheld?.entry(() => this.#realPath(directory), item.name) === true) return false
    const isDirectory = item.kind === 'directory'
    this.#work += ((this.#patterns?.cost ?? 0) + (directory.scope?.cost ?? 0)) * RULE
    if (this.#patterns !== undefined && isIgnored(this.#patterns, directory, item.name, isDirectory)) return false
    if (this.#git === undefined) return true
    return item.name !== '.git' && !isIgnored(directory.scope, directory, item.name, isDirectory)
  }

  /** Asked before each entry. True every 1,000 entries or so: the walk then looks whether its turn is over. */
  get tired(): boolean {
    if (++this.#work < STINT) return false
    this.#work = 0
    return true
  }

  /**
   * Returns the directory to descend into; undefined for one that walks from above do not enter (/proc, /sys, /dev …).
   */
  descend(directory: WalkedDirectory, item: Item): WalkedDirectory | undefined {
    const location = below(directory, item)
    const child = new WalkedDirectory(location, item.name, directory)
    child.lossy ||= item.raw !== undefined
    if (!this.#maybeForbidden(item.name)) return child
    return this.#forbidden.has(`/${child.segments.join('/')}`) ? undefined : child
  }

  /** True if the kernel makes the files of the directory: they are not read. */
  isPseudo(directory: WalkedDirectory): boolean {
    return isWithin(this.#forbidden, `/${directory.segments.join('/')}`)
  }

  /**
   * Returns the check for an opened entry of the directory, made before it is read; undefined: every entry may be read.
   */
  refusesIn({ firm }: WalkedDirectory): Refuses | undefined {
    const [withheld, bounds] = [this.withheld, this.#bounds]
    if (firm || bounds.open) return withheld === undefined ? undefined : (fd) => withheld.opened(fd)
    return (fd) => withheld?.opened(fd) === true || bounds.leaves(fd)
  }

  /** The bytes of an entry's path, where that is not UTF-8. */
  bytesOf(directory: WalkedDirectory, item: Item): Buffer | undefined {
    if (item.raw === undefined && !directory.lossy) return undefined
    const { path, raw } = relative(this.root, below(directory, item))
    const slash = this.#told.at(-1) === SLASH ? '' : '/'
    return Buffer.concat([this.#told, Buffer.from(slash), raw ?? Buffer.from(path)])
  }

  complain(path: string): void {
    this.errors++
    if (this.unreadable.length < NAMED_ERRORS) this.unreadable.push(shownText(path))
  }

  /** Notes a failure, unless the entry has only gone meanwhile. */
  #failed(error: unknown, path: string): void {
    const code = errnoOf(error)
    if (code === undefined) throw error
    if (code !== 'ENOENT') this.complain(path)
  }

  /** `items` undefined: the names are not known beforehand, so the rule files are looked for. */
  #takeRules(git: GitRules, directory: WalkedDirectory, items: Iterable<Item> | undefined): void {
    let repository = items === undefined && existsSync(`${directory.path}/.git`)
    let rules = items === undefined
    for (const { name } of items ?? []) {
      if (name === '.git') repository = true
      else if (name === '.gitignore') rules = true
    }
    if (repository || rules) directory.scope = git.enter(this.#realPath(directory), directory.scope, repository, rules)
  }

  /** Returns the real path, by which rule files are read and in which their depth is counted. */
  #realPath(directory: WalkedDirectory): string {
    return `/${directory.segments.join('/')}`
  }

  #maybeForbidden(name: string): boolean {
    this.#lastNames ??= new Set([...this.#forbidden].map((path) => path.slice(path.lastIndexOf('/') + 1)))
    return this.#lastNames.has(name)
  }
  #lastNames: Set<string> | undefined;

  *#guarded(items: Iterable<Item>, directory: WalkedDirectory): Generator<Item> {
    try {
      yield* items
    } catch (error) {
      this.#failed(error, directory.path)
    }
  }
}

/** Returns the real path of a readable directory; throws a Fault for anything else. */
function openRoot(where: string, path: string): string {
  try {
    if (!statSync(where).isDirectory()) {
      const sentence = `path ${quote(path)} is not a directory; accepted is an existing directory`
      throw new Fault('bad_request', sentence, { details: { path } })
    }
    accessSync(where, constants.R_OK)
    return realpathSync(where)
  } catch (error) {
    throw faultOfSystem(error, path)
  }
}
