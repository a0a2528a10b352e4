// The error of a path that does not exist: it says how far the path does exist, and the name that was probably meant,
// so that a model corrects itself in one step. The search for that name is bounded.

import { basename, dirname, join } from 'node:path'
import { opendir, readlink, stat } from '../../../base/path-calls.ts'
import { textOfBytes } from '../../../base/bytes-text.ts'
import { errnoOf, Fault, faultOfSystem, quote } from '../../../base/fault.ts'
import { nearest } from '../../../base/nearest.ts'

/** Names of the directory that are compared at most; more would take longer than an error is worth. */
const MOST_NAMES = 300

/** Characters of a name for which a near one is looked for; shorter names are near to too many. */
const SHORTEST_NAME = 3

/** Returns the fault as `faultOfSystem` does; a missing path is explained. */
export async function faultOfPath(error: unknown, path: string): Promise<unknown> {
  if (error instanceof Fault || errnoOf(error) !== 'ENOENT') return faultOfSystem(error, path)
  return await faultOfMissing(path, error)
}

/** Returns `not_found` for a path at which nothing stands. */
export async function faultOfMissing(path: string, cause?: unknown): Promise<Fault> {
  const more = cause === undefined ? {} : { cause }
  const dangling = await readlink(path).catch(() => undefined)
  if (dangling !== undefined) {
    return new Fault(
      'not_found',
      `path ${quote(path)} is a symbolic link to ${quote(dangling)}, which does not exist`,
      {
        details: { path, errno: 'ENOENT', symlink_target: dangling },
        ...more,
      },
    )
  }
  const parent = await deepestDirectory(dirname(path))
  const wanted = parent === dirname(path) ? basename(path) : (path.slice(parent.length).split('/').find(Boolean) ?? '')
  const close = wanted.length < SHORTEST_NAME ? undefined : nearest(wanted, await someNames(parent))
  const reach = parent === dirname(path) ? '' : `; ${quote(parent)} is the last directory on the way that exists`
  const hint = close === undefined ? '' : `. Did you mean ${quote(join(parent, close))}?`
  return new Fault('not_found', `path ${quote(path)} does not exist${reach}${hint}`, {
    details: { path, errno: 'ENOENT', ...(close === undefined ? {} : { nearest: join(parent, close) }) },
    ...more,
  })
}

async function deepestDirectory(path: string): Promise<string> {
  let at = path
  while (
    at !== '/' &&
    !(await stat(at).then(
      (stats) => stats.isDirectory(),
      () => false,
    ))
  )
    at = dirname(at)
  return at
}

async function someNames(directory: string): Promise<string[]> {
  const names: string[] = []
  try {
    // Names that are not UTF-8 exist. The types know no such encoding.
    const options = { encoding: 'buffer' as BufferEncoding }
    for await (const { name } of await opendir(directory, options)) {
      if (names.push(textOfBytes(Buffer.from(name))) >= MOST_NAMES) break
    }
  } catch {
    // A hint is not worth a second failure.
  }
  return names
}
