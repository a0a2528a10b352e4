// The working directory is neither deleted nor moved, and no directory above it is: a call with the path "." or ".."
// means what is in it, and commands and terminals start there. Recognised by its path, by each link that the path goes
// through, and by the identity of the directories on its way, so that no other name of one of them leads round this.

import { dirname } from 'node:path'
import { stat } from '../../base/path-calls.ts'
import { Fault, quote } from '../../base/fault.ts'
import { isWithin } from './mount-table.ts'
import { namesOf } from './own-ground.ts'
import { isRemote } from './remote-calls.ts'

/** What is refused, as the sentence says it: "is not deleted". */
type Refused = 'deleted' | 'moved'

/** What a call is about to take away. */
export interface Taken {
  /** As it was asked for. */
  readonly path: string
  /** The same without links on the way. */
  readonly real: string
  /** Of what stands there. */
  readonly stats: { readonly dev: number; readonly ino: number; isDirectory(): boolean }
}

/** Throws where `taken` is the working directory or holds it. */
export async function refuseWorkdir(workdir: string, taken: Taken, refused: Refused): Promise<void> {
  const { path, real, stats } = taken
  const names = await waysTo(workdir)
  if (names.some((name) => isWithin(name, path) || isWithin(name, real))) throw fault(workdir, path, refused)
  if (stats.isDirectory() && (await isOnTheWay(stats, names))) throw fault(workdir, path, refused)
}

/** Its path, the links that it goes through and where they end. A server that may not answer is not asked. */
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

function fault(workdir: string, path: string, refused: Refused): Fault {
  const what = path === workdir ? 'the working directory itself' : `the working directory ${quote(workdir)} or holds it`
  const sentence = `path ${quote(path)} is ${what}, which is not ${refused}; accepted is a path below it, or one elsewhere`
  return new Fault('bad_request', sentence, { details: { field: 'path', got: path, workdir } })
}
