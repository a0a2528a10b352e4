// Reads what a process holds, as the kernel counts it: anonymous memory, descriptors, threads, terminals, watches, and
// children, with dead ones that were not reaped.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { parseStat } from '../../src/workspace/processes/process-table.ts'

export interface Vitals {
  /** Anonymous memory, in bytes. */
  readonly memory: number
  readonly descriptors: number
  readonly threads: number
  readonly terminals: number
  /** Watches of inotify. */
  readonly watches: number
  readonly children: number
  readonly zombies: number
}

/** Counts that must be back at their value at the end. */
export const COUNTS = ['descriptors', 'threads', 'terminals', 'watches', 'children', 'zombies'] as const

export function vitalsOf(pid: number): Vitals {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
  const fds = readdirSync(`/proc/${pid}/fd`)
  const children = childrenOf(pid)
  return {
    memory: number('RssAnon') * 1024,
    descriptors: fds.length,
    threads: number('Threads'),
    terminals: fds.filter((fd) => linkOf(`/proc/${pid}/fd/${fd}`).startsWith('/dev/ptmx')).length,
    watches: fds.reduce((sum, fd) => sum + watchesIn(`/proc/${pid}/fdinfo/${fd}`), 0),
    children: children.length,
    zombies: children.filter((state) => state === 'Z').length,
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path).replace('/dev/pts/ptmx', '/dev/ptmx')
  } catch {
    return '' // closed meanwhile
  }
}

function watchesIn(path: string): number {
  return textOf(path).match(/^inotify wd:/gm)?.length ?? 0
}

/** Returns the states of the child processes. */
function childrenOf(pid: number): string[] {
  return readdirSync('/proc').flatMap((name) => {
    const entry = /^\d+$/.test(name) ? parseStat(textOf(`/proc/${name}/stat`)) : undefined
    return entry?.parent === pid ? [entry.state] : []
  })
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // gone meanwhile
  }
}
