// Which process holds a socket, from the descriptors that /proc shows. Looking at ten thousand processes takes a
// while: the main loop gets its turns in between, the search ends as soon as all are found, and at a deadline.
// Processes that end meanwhile, or belong to others, are passed over.

import { readlinkSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { takeTurns } from '../../base/waiting.ts'

export interface Holder {
  readonly pid: number
  /** Its name as ps shows it: at most 15 characters. */
  readonly process: string
  /** Its command line, cut at 500 characters; empty where it has hidden it. */
  readonly command: string
}

/** What is not found by then has no holder in the answer. */
const SEARCH_MS = 3_000
const COMMAND_CHARACTERS = 500

/** By inode; of several that share one, the process with the lowest id, which is usually the parent. */
export async function findHolders(
  inodes: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Holder>> {
  const pids = new Map<string, number>()
  const until = performance.now() + SEARCH_MS
  const turn = takeTurns()
  for (const pid of await processes()) {
    if (pids.size === inodes.size || performance.now() > until) break
    for (const path of await descriptors(pid)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(path))?.[1]
      if (inode !== undefined && inodes.has(inode) && !pids.has(inode)) pids.set(inode, pid)
      await turn()
    }
    signal.throwIfAborted()
  }
  const found = [...pids]
  const holders = await Promise.all(found.map(([, pid]) => describe(pid)))
  return new Map(holders.map((holder, at) => [found[at]?.[0] ?? '', holder]))
}

async function processes(): Promise<number[]> {
  const names = await readdir('/proc').catch((): string[] => [])
  return names.flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : [])).toSorted((a, b) => a - b)
}

/** None of those that have gone or are not ours to look at. */
async function descriptors(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`
  const names = await readdir(directory).catch((): string[] => [])
  return names.map((name) => `${directory}/${name}`)
}

/** Synchronous: the kernel answers from memory, and a hop to another thread costs ten times the call. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}

async function describe(pid: number): Promise<Holder> {
  // Not synchronous: the command line is in the process's own memory, which may be held up.
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
  const [name, command] = await Promise.all([read('comm'), read('cmdline')])
  return {
    pid,
    process: name.trimEnd(),
    command: command.slice(0, COMMAND_CHARACTERS).replaceAll('\0', ' ').trim(),
  }
}
