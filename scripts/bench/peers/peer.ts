// An alternative that a user could pick instead of the daemon, as an adapter: one file each in this directory, listed
// in all.ts. It says how it is started and how it does those acts of the list below that it can do. An act does its
// work once, checks the answer, and returns milliseconds; it throws if the answer is wrong.

import type { Tree } from '../tree.ts'

/** Acts that can be asked for, with their names in the table. */
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
  /** Path of a file of the tree. */
  readonly file: string
  /** Number of names in the tree that contain `file9999`. */
  readonly named: number
  /** Path of the large file. */
  readonly large: string
  /** Folder that an act may write to; the bench removes it. */
  readonly scratch: string
  /** Directory in which `packages` are installed, below it node_modules; undefined: they are not. */
  readonly installed: string | undefined
}

export interface RunningPeer extends AsyncDisposable {
  /** Milliseconds from its start to its first answer; absent if each act starts it. */
  readonly startMs?: number
  readonly acts: Readonly<Partial<Record<Ask, () => Promise<number>>>>
}

export interface Peer {
  readonly name: string
  /** Packages that `--with-peers` installs for it from the npm registry; none is part of the project. */
  readonly packages?: readonly string[]
  /** Opens the peer; resolves with undefined if this machine lacks it. */
  open(place: Place): Promise<RunningPeer | undefined>
}

/** Throws unless `right`; the table then shows `otherwise`. */
export function expect(right: boolean, otherwise: string): void {
  if (!right) throw new Error(otherwise)
}

/** Returns a peer that only starts programs, anew for each act. */
export function withoutDaemon(acts: RunningPeer['acts']): RunningPeer {
  return { acts, [Symbol.asyncDispose]: async () => undefined }
}

export function occurrences(text: string, part: string): number {
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++
  return count
}
