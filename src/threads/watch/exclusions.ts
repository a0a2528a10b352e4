// What a watcher leaves out, decided before anything is watched: the default excludes unless they are
// switched off, and the request's own globs in .gitignore syntax.

import { isIgnored, rulesOfGlobs, within, type Place } from '../walk/ignore-rules.ts'
import { textOfName } from './names.ts'

/** What tools make and remove by the thousand. Temporary files of our own atomic writes end in "~". */
export const DEFAULT_EXCLUDES = [
  'node_modules',
  '.git',
  '.svn',
  '.hg',
  '__pycache__',
  '.pytest_cache',
  '.mypy_cache',
  '.next',
  '.nuxt',
  'dist',
  'build',
  '.DS_Store',
  '*.swp',
  '*.swo',
  '*~',
] as const

/** Whether the entry `name` of a directory of the tree is left out. */
export type Exclusion = (place: Place, name: string, directory: boolean) => boolean

/** `globs` are free of braces (pattern-list.ts); their paths are relative to the watched root. */
export function exclusionOf(globs: readonly string[], defaults: boolean): Exclusion {
  // The later line decides, so that a glob with "!" can take a default back.
  const rules = rulesOfGlobs([...(defaults ? DEFAULT_EXCLUDES : []), ...globs])
  const scope = within(rules, 0, undefined)
  return (place, name, directory) => isIgnored(scope, place, textOfName(name), directory)
}
