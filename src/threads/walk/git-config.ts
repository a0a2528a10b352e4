// `excludesFile(home, root)` finds in git's configuration (git-config(1)) which file holds the user's own excludes. It
// does not touch the disk: the generator yields each path to be read, so that the walker may read synchronously and the
// main thread asynchronously. Later values win: system, user, repository, worktree; an included file counts at the
// place of its include.

import { join } from 'node:path'
import { compileGlob, matchSegments } from './glob.ts'
import type { GitHome } from './walk-job.ts'

export interface Setting {
  /** Lower case. */
  readonly section: string
  readonly subsection: string | undefined
  /** Lower case. */
  readonly key: string
  /** Undefined if the key has no "=". */
  readonly value: string | undefined
}

/** Yields paths and receives the text of each, empty for a missing file; returns the answer. */
export type ConfigReading<T> = Generator<string, T, string>

const SYSTEM = '/etc/gitconfig'
/** Levels of includes that are followed, as in git. */
const MOST_INCLUDES = 10
/** Files read for one answer, since a file may include many. */
const MOST_FILES = 100

/**
 * Returns the path of the user's excludes, which hold everywhere, for the repository at `root`; undefined: there is
 * none.
 */
export function* excludesFile(where: GitHome, root: string | undefined): ConfigReading<string | undefined> {
  // An empty variable counts as one that is not set.
  const home = where.home || undefined
  const config = where.configHome || (home === undefined ? undefined : join(home, '.config'))
  const directories = root === undefined ? undefined : yield* gitDirectories(root)
  const reader = new ConfigReader(home, directories?.own)
  yield* reader.read(SYSTEM)
  if (config !== undefined) yield* reader.read(join(config, 'git/config'))
  if (home !== undefined) yield* reader.read(join(home, '.gitconfig'))
  if (directories !== undefined) {
    yield* reader.read(join(directories.common, 'config'))
    if (reader.worktreeConfig) yield* reader.read(join(directories.own, 'config.worktree'))
  }
  if (reader.excludes === undefined) return config === undefined ? undefined : join(config, 'git/ignore')
  if (reader.excludes === '') return undefined
  const path = reader.expanded(reader.excludes)
  if (path === undefined || path.startsWith('/')) return path
  return root === undefined ? undefined : join(root, path)
}

/** Returns the git directory of the repository at `root`, and the one that its worktrees share. */
export function* gitDirectories(root: string): ConfigReading<{ own: string; common: string }> {
  const dotGit = join(root, '.git')
  const link = /^gitdir: ([^\r\n]+)/.exec(yield dotGit)?.[1]
  if (link === undefined) return { own: dotGit, common: dotGit }
  const own = join(link.startsWith('/') ? '/' : root, link)
  const common = (yield join(own, 'commondir')).trim()
  return { own, common: common === '' ? own : join(common.startsWith('/') ? '/' : own, common) }
}

class ConfigReader {
  readonly #home: string | undefined
  readonly #gitDirectory: string | undefined
  #files = 0
  excludes: string | undefined
  worktreeConfig = false

  constructor(home: string | undefined, gitDirectory: string | undefined) {
    this.#home = home
    this.#gitDirectory = gitDirectory
  }

  *read(path: string, depth = 0): ConfigReading<void> {
    if (this.#files++ >= MOST_FILES) return
    for (const { section, subsection, key, value } of parseConfig(yield path)) {
      const name = `${section}.${key}`
      if (subsection === undefined && name === 'core.excludesfile') this.excludes = value ?? this.excludes
      else if (subsection === undefined && name === 'extensions.worktreeconfig') this.worktreeConfig = isTrue(value)
      else if (
        key === 'path' &&
        value !== undefined &&
        depth < MOST_INCLUDES &&
        this.#includes(section, subsection, path)
      ) {
        const included = this.expanded(value)
        if (included !== undefined && included !== '')
          yield* this.read(join(included.startsWith('/') ? '/' : join(path, '..'), included), depth + 1)
      }
    }
  }

  /** Returns the path with `~/` replaced by the home directory; undefined if there is none. */
  expanded(path: string): string | undefined {
    if (!path.startsWith('~/')) return path
    return this.#home === undefined ? undefined : join(this.#home, path.slice(2))
  }

  /**
   * True if the include applies. Of the conditions of `includeIf` only `gitdir` is known here, not branch and remotes.
   */
  #includes(section: string, condition: string | undefined, file: string): boolean {
    if (section === 'include') return condition === undefined
    if (section !== 'includeif' || this.#gitDirectory === undefined) return false
    const [, fold, pattern] = /^gitdir(\/i)?:(.*)$/s.exec(condition ?? '') ?? []
    const place = pattern === undefined ? undefined : this.#placePattern(pattern, file)
    if (place === undefined) return false
    const [glob, path] =
      fold === undefined ? [place, this.#gitDirectory] : [place.toLowerCase(), this.#gitDirectory.toLowerCase()]
    const segments = compileGlob(glob.slice(1))
    return segments !== undefined && matchSegments(segments, path.slice(1).split('/'), 0)
  }

  #placePattern(pattern: string, file: string): string | undefined {
    const whole = pattern.endsWith('/') ? `${pattern}**` : pattern
    if (whole.startsWith('./')) return join(file, '..', whole)
    const expanded = this.expanded(whole)
    return expanded === undefined || expanded.startsWith('/') ? expanded : `/**/${expanded}`
  }
}

function isTrue(value: string | undefined): boolean {
  return value === undefined || /^(true|yes|on|[1-9]\d*)$/i.test(value)
}

/** Returns the settings before the first line that git would refuse. */
export function parseConfig(text: string): Setting[] {
  const settings: Setting[] = []
  const cursor = { text: (text.startsWith('\uFEFF') ? text.slice(1) : text).replaceAll('\r\n', '\n'), at: 0 }
  let section: { section: string; subsection: string | undefined } | undefined
  for (;;) {
    skip(cursor, /(?:\s|[#;][^\n]*)*/y)
    if (cursor.at >= cursor.text.length) return settings
    const header = take(cursor, HEADER)
    if (header !== undefined) {
      section = sectionOf(header)
      continue
    }
    const key = take(cursor, KEY)?.[1]
    if (key === undefined || section === undefined) return settings
    const value = take(cursor, /=/y) === undefined ? undefined : readValue(cursor)
    if (value === null) return settings
    settings.push({ ...section, key: key.toLowerCase(), value })
  }
}

interface ConfigCursor {
  readonly text: string
  at: number
}

const HEADER = /\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?\]/y
const KEY = /([A-Za-z][A-Za-z0-9-]*)[ \t]*/y

function sectionOf([, name = '', quoted]: RegExpExecArray): { section: string; subsection: string | undefined } {
  if (quoted !== undefined) return { section: name.toLowerCase(), subsection: quoted.replace(/\\(.)/gs, '$1') }
  // The old form: [section.subsection].
  const dot = name.indexOf('.')
  if (dot < 0) return { section: name.toLowerCase(), subsection: undefined }
  return { section: name.slice(0, dot).toLowerCase(), subsection: name.slice(dot + 1).toLowerCase() }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', b: '\b', '"': '"', '\\': '\\' }

/**
 * Reads a value up to the end of the line or a comment; null if git would refuse it. White space counts inside quotes
 * and between words.
 */
function readValue(cursor: ConfigCursor): string | null {
  let value = ''
  /** Length without trailing white space. */
  let solid = 0
  let quoted = false
  for (; cursor.at < cursor.text.length; cursor.at++) {
    const char = cursor.text[cursor.at] ?? ''
    if (char === '\n') break
    if (char === '"') {
      quoted = !quoted
      solid = value.length
    } else if (!quoted && (char === '#' || char === ';')) {
      skip(cursor, /[^\n]*/y)
      break
    } else if (char === '\\') {
      const next = cursor.text[++cursor.at] ?? ''
      const meant = next === '\n' ? '' : ESCAPES[next]
      if (meant === undefined) return null
      value += meant
      if (meant !== '') solid = value.length
    } else if (quoted || !/\s/.test(char)) {
      value += char
      solid = value.length
    } else if (value !== '') value += char
  }
  return quoted ? null : value.slice(0, solid)
}

function take(cursor: ConfigCursor, form: RegExp): RegExpExecArray | undefined {
  form.lastIndex = cursor.at
  const found = form.exec(cursor.text)
  if (found === null) return undefined
  cursor.at = form.lastIndex
  return found
}

function skip(cursor: ConfigCursor, form: RegExp): void {
  take(cursor, form)
}
