// Small files that are read or written whole: secrets, and records in the state directory. Only regular files of
// limited size are read; a written file has its whole content or does not appear, and its owner alone can read it. An
// error that the operator must correct is a StartError of one line that never repeats the file's content.

import { constants } from 'node:fs'
import { chmod, link, open, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from './fault.ts'
import { freshRandom } from './fresh-random.ts'
import { makeWithParents } from './make-directories.ts'
import { StartError } from './signals.ts'

/** Largest secret or key set file; the same cap as for a fetched key set. */
const FILE_MAXIMUM_BYTES = 256 * 1024

/** Reads a configured file; a missing one is a StartError too. `name`: the file's name for people. */
export async function readSmallFile(path: string, name: string): Promise<Buffer> {
  await using file = await openRegular(path, 0, name)
  if (file === undefined) throw new StartError(`${name} ${path} cannot be read: ENOENT`)
  const [bytes, failure] = await attempt(async () => await file.readFile())
  if (bytes === undefined) throw new StartError(`${name} ${path} cannot be read: ${failure}`)
  return bytes
}

/** Opens a regular file; undefined: there is none. Non-blocking, so that a FIFO cannot hang the start. */
export async function openRegular(path: string, flags: number, name: string): Promise<FileHandle | undefined> {
  const [file, failure] = await attempt(async () => await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags))
  if (failure === 'ENOENT') return undefined
  if (file === undefined) throw new StartError(`${name} ${path} cannot be read: ${failure}`)
  const facts = await file.stat()
  if (facts.isFile() && facts.size <= FILE_MAXIMUM_BYTES) return file
  await file.close()
  const what = facts.isFile() ? `is larger than ${FILE_MAXIMUM_BYTES} bytes` : 'is not a regular file'
  throw new StartError(`${name} ${path} ${what}`)
}

/** Makes the state directory; returns the errno name on failure. Refuses one whose files other users could replace. */
export async function ownDirectory(directory: string): Promise<string | undefined> {
  const [facts, failure] = await attempt(async () => {
    makeWithParents(directory, 0o700)
    return await stat(directory)
  })
  if (facts === undefined) return failure
  if (facts.uid !== ourselves() && facts.uid !== 0) {
    throw new StartError(`the state directory ${directory} belongs to user ${facts.uid}, not to this daemon's user`)
  }
  if (facts.uid === ourselves() && (facts.mode & 0o022) !== 0) await narrow(directory, () => chmod(directory, 0o700))
  return undefined
}

/** Removes the rights of all other users, who should never have had them. */
export async function narrow(path: string, change: () => Promise<void>): Promise<void> {
  const [, failure] = await attempt(change)
  if (failure !== undefined)
    throw new StartError(`${path} is open to other users and cannot be closed to them: ${failure}`)
}

/** Returns `made`, or `there` if the file exists already (two makers at once agree), else the errno name. */
export async function createWhole(path: string, content: string): Promise<string> {
  const [draft, failure] = await attempt(async () => await writeDraft(path, content))
  if (draft === undefined) return failure
  const [, refused] = await attempt(async () => await link(draft, path))
  await unlink(draft)
  if (refused === undefined || refused === 'EEXIST') return refused === undefined ? 'made' : 'there'
  // No hard links here (FAT, some FUSE): exclusive creation is next best, though a reader may see an empty file.
  const [, again] = await attempt(async () => await writeNew(path, content))
  if (again === undefined) return 'made'
  return again === 'EEXIST' ? 'there' : again
}

/** Returns undefined once the file has this content durably, power failures included; else the errno name. */
export async function replaceWhole(path: string, content: string): Promise<string | undefined> {
  const [draft, failure] = await attempt(async () => await writeDraft(path, content))
  if (draft === undefined) return failure
  const [, refused] = await attempt(async () => await rename(draft, path))
  if (refused !== undefined) {
    await unlink(draft)
    return refused
  }
  const [, unsynced] = await attempt(async () => {
    await using directory = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
    await directory.sync()
  })
  return unsynced === 'EINVAL' ? undefined : unsynced // some file systems sync no directories
}

async function writeDraft(path: string, content: string): Promise<string> {
  const draft = join(dirname(path), `.${basename(path)}.${freshRandom(8).toString('hex')}~`)
  const [, failure] = await attempt(async () => await writeNew(draft, content))
  if (failure === undefined) return draft
  await attempt(async () => await unlink(draft)) // on a full disk it may be there, empty
  throw Object.assign(new Error(`${draft}: ${failure}`), { code: failure })
}

async function writeNew(path: string, content: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  await file.writeFile(content)
  await file.sync()
}

export function ourselves(): number {
  return process.geteuid?.() ?? 0
}

/** Resolves with the value, or the errno name of the system's refusal; throws any other error, which is a defect. */
export async function attempt<T>(act: () => Promise<T>): Promise<[T, undefined] | [undefined, string]> {
  try {
    return [await act(), undefined]
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return [undefined, code]
  }
}
