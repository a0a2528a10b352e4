// Ignore rules as git reads them (gitignore(5)), without touching the disk: `within(parseRules(text), depth, outer)`,
// then `isIgnored(scope, directory, name, isDirectory)`. Lines become rules, the rules of one file a set, and the sets
// in force in a directory a chain from the nearest to the farthest. The last matching line of the nearest set that has
// one decides.

import { compileGlob, matchSegments, type NameTest, type Segment } from './glob.ts'

interface Rule {
  /** 0 for the last line of its file: the lower one decides. */
  readonly order: number
  readonly negated: boolean
  readonly directoriesOnly: boolean
  /** The test of the entry's own name; a rule without a slash has no other. */
  readonly name: NameTest
  /** The glob of a rule with a slash, for the whole path below the rule file's directory. */
  readonly segments?: readonly Segment[]
}

/**
 * The rules of one file, each list by `order`. Most lines are a plain name or `*.extension` and are looked
 * up; only the others are tried one after another.
 */
export interface RuleSet {
  readonly size: number
  readonly byName: ReadonlyMap<string, readonly Rule[]>
  readonly byExtension: ReadonlyMap<string, readonly Rule[]>
  readonly others: readonly Rule[]
}

/** The sets in force in a directory, nearest first. */
export interface RuleScope {
  readonly rules: RuleSet
  /** Segments of the absolute path that the rules are relative to. */
  readonly depth: number
  readonly outer: RuleScope | undefined
  /** Number of rules in the whole chain: the most that one decision may try. */
  readonly cost: number
}

/** Longest line that becomes a rule: the longest path (PATH_MAX). */
const LINE_LENGTH = 4096

/** Returns the rules in the text of a .gitignore file, without lines that git would ignore. */
export function parseRules(text: string): RuleSet {
  const lines = (text.startsWith('\uFEFF') ? text.slice(1) : text).split('\n')
  const bare = lines.map((line) => trimLine(upToNul(line.endsWith('\r') ? line.slice(0, -1) : line)))
  return ruleSet(bare.filter((line) => line !== '' && !line.startsWith('#')))
}

/** Returns the rules of a list of globs: a list has no comments, and every space counts. */
export function rulesOfGlobs(globs: readonly string[]): RuleSet {
  return ruleSet(globs.map((glob) => (glob.startsWith('./') ? glob.slice(2) : glob)))
}

/** git takes a line for a C string. */
function upToNul(line: string): string {
  const nul = line.indexOf('\0')
  return nul < 0 ? line : line.slice(0, nul)
}

/** Removes trailing spaces, unless a backslash stands before them. */
function trimLine(line: string): string {
  let end = line.length
  while (end > 0 && line[end - 1] === ' ') end--
  if (end === line.length) return line
  let slashes = 0
  while (line[end - 1 - slashes] === '\\') slashes++
  return line.slice(0, slashes % 2 === 1 ? end + 1 : end)
}

function ruleSet(lines: readonly string[]): RuleSet {
  const byName = new Map<string, Rule[]>()
  const byExtension = new Map<string, Rule[]>()
  const others: Rule[] = []
  let size = 0
  for (const line of lines.toReversed()) {
    const made = ruleOf(line, size)
    if (made === undefined) continue
    size++
    const [map, key] = made.name === undefined ? [byExtension, made.extension] : [byName, made.name]
    if (key === undefined) others.push(made.rule)
    else if (map.get(key)?.push(made.rule) === undefined) map.set(key, [made.rule])
  }
  return { size, byName, byExtension, others }
}

interface Made {
  readonly rule: Rule
  /** The only name that the rule can match. */
  readonly name?: string
  /** The end, from its only dot on, of every name that the rule can match. */
  readonly extension?: string
}

function ruleOf(line: string, order: number): Made | undefined {
  if (line.length > LINE_LENGTH) return undefined
  const negated = line.startsWith('!')
  let glob = negated ? line.slice(1) : line
  const directoriesOnly = glob.endsWith('/')
  if (directoriesOnly) glob = glob.slice(0, -1)
  if (glob === '') return undefined
  const anchored = glob.includes('/')
  const segments = compileGlob(glob.startsWith('/') ? glob.slice(1) : glob)
  const last = segments?.at(-1)
  if (segments === undefined || last === undefined) return undefined
  const name = last === '**' ? () => true : last
  const rule = anchored
    ? { order, negated, directoriesOnly, name, segments }
    : { order, negated, directoriesOnly, name }
  return { rule, ...keyOf(glob) }
}

/** Returns the key by which a rule can be looked up, from the text of its last segment. */
function keyOf(glob: string): { name?: string; extension?: string } {
  if (/[\\[?]/.test(glob)) return {}
  const last = glob.slice(glob.lastIndexOf('/') + 1)
  if (!last.includes('*')) return { name: last }
  return /^\*\.[^.*]+$/.test(last) ? { extension: last.slice(1) } : {}
}

/** Returns the scope with `rules` in force below the directory whose absolute path has `depth` segments. */
export function within(rules: RuleSet, depth: number, outer: RuleScope | undefined): RuleScope | undefined {
  if (rules.size === 0) return outer
  return { rules, depth, outer, cost: rules.size + (outer?.cost ?? 0) }
}

/** A directory as rules see it. */
export interface RuledDirectory {
  /** Segments of its absolute path. */
  readonly segments: readonly string[]
}

/** Returns whether the rules leave out the entry `name` of `place`. `place` itself is taken to be admitted. */
export function isIgnored(
  scope: RuleScope | undefined,
  place: RuledDirectory,
  name: string,
  directory: boolean,
): boolean {
  for (let at = scope; at !== undefined; at = at.outer) {
    const rule = deciding(at, place, name, directory)
    if (rule !== undefined) return !rule.negated
  }
  return false
}

/** Returns the last line of the set that matches. */
function deciding(
  { rules, depth }: RuleScope,
  place: RuledDirectory,
  name: string,
  directory: boolean,
): Rule | undefined {
  const first = (list: readonly Rule[] | undefined, before: number): Rule | undefined => {
    for (const rule of list ?? NONE) {
      if (rule.order >= before) return undefined
      if (applies(rule, depth, place, name, directory)) return rule
    }
    return undefined
  }
  let found = first(rules.byName.get(name), Infinity)
  if (rules.byExtension.size > 0) {
    const dot = name.lastIndexOf('.')
    if (dot >= 0) found = first(rules.byExtension.get(name.slice(dot)), found?.order ?? Infinity) ?? found
  }
  return first(rules.others, found?.order ?? Infinity) ?? found
}

const NONE: readonly Rule[] = []

function applies(rule: Rule, depth: number, place: RuledDirectory, name: string, directory: boolean): boolean {
  if (rule.directoriesOnly && !directory) return false
  if (!rule.name(name)) return false
  return rule.segments === undefined || matchSegments(rule.segments, [...place.segments, name], depth)
}
