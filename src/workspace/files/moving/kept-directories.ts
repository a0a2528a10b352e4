// The directories that a call does not take away. The system's own (PROTECTED) are neither deleted, moved nor closed to
// their users; the working directory and every directory above it are neither deleted nor moved, since a path "." or
// ".." means what is in it, and commands and terminals start there. What lies below either is as any other. Each is
// known by its path, by the links on the way to it and by its identity, so that neither a link, nor /proc/self/root,
// nor a bind mount leads round this.

import { dirname } from 'node:path'
import { stat } from '../../../base/path-calls.ts'
import { Fault, quote } from '../../../base/fault.ts'
import { isWithin } from '../mounts/mount-table.ts'
import { isRemote } from '../mounts/remote-calls.ts'
import { namesOf } from '../opening/own-ground.ts'

/** The system's directories, exactly these (protocol.md#files-change). */
export const PROTECTED = [
  '/',
  '/bin',
  '/sbin',
  '/usr',
  '/lib',
  '/lib64',
  '/etc',
  '/dev',
  '/proc',
  '/sys',
  '/boot',
  '/run',
]

/** The refused change as the sentence says it: "is never deleted". */
type Never = 'deleted' | 'moved' | 'changed'

/**
 * Throws `forbidden` for one of the system's directories. `real` is `path` with the links on its way resolved, or
 * `path`.
 */
export function refuseProtected(real: string, path: string, never: Never): void {
  if (PROTECTED.includes(real)) throw protectedFault(path, real, never)
}

/** Throws `forbidden` for the same directory under another name: a bind mount of it, or of one above it. */
export async function refuseSameAsProtected(
  { dev, ino }: { readonly dev: number; readonly ino: number },
  path: string,
  never: Never,
): Promise<void> {
  for (const one of PROTECTED) {
    const other = await stat(one).catch(() => undefined)
    if (other?.ino === ino && other.dev === dev) throw protectedFault(path, one, never)
  }
}

function protectedFault(path: string, real: string, never: Never): Fault {
  return new Fault('forbidden', `path ${quote(path)} is the system directory ${quote(real)}, which is never ${never}`, {
    details: { field: 'path', got: path, protected: PROTECTED },
  })
}

/** An entry that a call is about to take away. */
export interface Taken {
  /** Path as the client named it. */
  readonly path: string
  /** Path without links on the way. */
  readonly real: string
  readonly stats: { readonly dev: number; readonly ino: number; isDirectory(): boolean }
}

/** Throws `bad_request` if `taken` is the working directory or holds it. */
export async function refuseWorkdir(workdir: string, taken: Taken, never: 'deleted' | 'moved'): Promise<void> {
  const { path, real, stats } = taken
  const names = await waysTo(workdir)
  if (names.some((name) => isWithin(name, path) || isWithin(name, real))) throw workdirFault(workdir, path, never)
  if (stats.isDirectory() && (await isOnTheWay(stats, names))) throw workdirFault(workdir, path, never)
}

/** Returns its path, the links that the path goes through and its end. A server that may not answer is not asked. */
async function waysTo(workdir: string): Promise<readonly string[]> {
  return isRemote(workdir) ? [workdir] : [workdir, ...(await namesOf(workdir))]
}

async function isOnTheWay(
  { dev, ino }: Omit<Taken['stats'], 'isDirectory'>,
  names: readonly string[],
): Promise<boolean> {
  const end = names.at(-1) ?? '/'
  if (isRemote(end)) return false
  for (let at = end; at !== '/'; at = dirname(at)) {
    const other = await stat(at).catch(() => undefined)
    if (other?.ino === ino && other.dev === dev) return true
  }
  return false
}

function workdirFault(workdir: string, path: string, never: 'deleted' | 'moved'): Fault {
  const what = path === workdir ? 'the working directory itself' : `the working directory ${quote(workdir)} or holds it`
  const sentence = `path ${quote(path)} is ${what}, which is not ${never}; accepted is a path below it, or one elsewhere`
  return new Fault('bad_request', sentence, { details: { field: 'path', got: path, workdir } })
}
