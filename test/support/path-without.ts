// A PATH with the system's programs but for some, so that a test shows what does not need them.

import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

/** Fills `directory` with links to everything in /usr/bin except `names`, and returns it. */
export function pathWithout(directory: string, names: readonly string[]): string {
  mkdirSync(directory, { recursive: true })
  for (const name of readdirSync('/usr/bin')) {
    if (!names.includes(name)) symlinkSync(join('/usr/bin', name), join(directory, name))
  }
  return directory
}
