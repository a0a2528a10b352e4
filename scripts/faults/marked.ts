// Finds the processes of one start of the daemon by a mark in their environment: the run signals no others.

import { readdirSync, readFileSync } from 'node:fs'

export interface Marked {
  readonly pid: number
  readonly command: string
}

/** Returns the living processes that carry `mark` (NAME=value), without `except`. */
export function marked(mark: string, except: number): Marked[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === except) return []
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(mark)) return []
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      return [{ pid, command: command.slice(0, 100) }]
    } catch {
      return [] // gone meanwhile, or not ours to look at
    }
  })
}

export function endMarked(those: readonly Marked[]): void {
  for (const { pid } of those) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone meanwhile
    }
  }
}
