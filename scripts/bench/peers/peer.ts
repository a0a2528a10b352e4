// An alternative that a user could pick instead of the daemon, as an adapter: one file each in this directory, listed
// in all.ts. It says how it is started and how it does what of the list below it can do. An act does its work once,
// looks whether the answer is right, and gives milliseconds; it throws where the answer is not.

import type { Tree } from '../tree.ts'

/** What can be asked, with what stands in the table. */
export const ASKS = {
  exec: 'run /bin/true and get its end',
  stat: 'stat of a file',
  read: 'read a file of 100 bytes',
  list: 'list the whole tree',
  names: 'search names: file9999',
  search: 'search contents: 20 hits',
  terminal: 'open a terminal, to its first byte',
  watch: 'watch the whole tree, until ready',
  raw: 'a file of 512 MiB over HTTP',
} as const

export type Ask = keyof typeof ASKS

export interface Place {
  readonly tree: Tree
  /** One of the tree's. */
  readonly file: string
  /** How many names of the tree contain `file9999`. */
  readonly named: number
  /** The large file. */
  readonly large: string
  /** For what it writes; removed by the bench. */
  readonly scratch: string
  /** The directory where `packages` are installed, below it node_modules; undefined: they are not. */
  readonly installed: string | undefined
}

export interface RunningPeer extends AsyncDisposable {
  /** From its start to where it answers; absent where each act starts it. */
  readonly startMs?: number
  readonly acts: Readonly<Partial<Record<Ask, () => Promise<number>>>>
}

export interface Peer {
  readonly name: string
  /** What `--with-peers` installs for it from the npm registry, nothing of which is part of the project. */
  readonly packages?: readonly string[]
  /** Undefined where it is not on this machine. */
  open(place: Place): Promise<RunningPeer | undefined>
}

/** Throws unless `right`; what is wrong is said in the table's place. */
export function expect(right: boolean, otherwise: string): void {
  if (!right) throw new Error(otherwise)
}

/** A peer that is nothing but programs started anew for each act. */
export function withoutDaemon(acts: RunningPeer['acts']): RunningPeer {
  return { acts, [Symbol.asyncDispose]: async () => undefined }
}

export function occurrences(text: string, part: string): number {
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++
  return count
}
