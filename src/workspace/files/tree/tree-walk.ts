// Walks a tree and calls a visitor for each of its entries: `walkTree(await openStack(path), visitor, signal)`. In each
// directory the entries that are not directories come first, in batches, then each subdirectory, whole, before the
// next. There is no recursion, and the way down is held by open directories (DirectoryStack): each is opened without
// following links and its entries are reached through it, so a directory that is swapped for a link meanwhile leads
// nowhere else, and no path gets longer than the kernel takes (F-19). What disappears meanwhile is passed over.

import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { errnoOf, Fault } from '../../../base/fault.ts'
import { canReachOpened, entryOfOpened, mountIdOfOpened, pathOfOpened } from '../../../base/opened-path.ts'
import { opendir, open } from '../../../base/path-calls.ts'

export interface TreeVisitor {
  /** Takes some entries of the directory at hand, none of them directories when they were listed. */
  entries(names: readonly Buffer[]): Promise<void>
  /** Called before a directory is opened. */
  before?(name: Buffer): Promise<void>
  /** Called when it is the directory at hand; false leaves it out. */
  enter(name: Buffer): Promise<boolean>
  /** Called when all of the directory at hand is done. */
  leave(): Promise<void>
}

/** Entries handed over at once. */
const BATCH = 64

/** Bytes of names of directories that wait for their turn: some 200,000 in all. */
const WAITING_BYTES = 16 * 1024 * 1024
/** Bytes that a name takes besides its own. */
const NAME_OVERHEAD = 64

/** Errors of an entry that is gone, or no longer a directory. */
const PASSED_OVER = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

export async function walkTree(stack: DirectoryStack, visitor: TreeVisitor, signal: AbortSignal): Promise<void> {
  let waiting = 0
  const list = async (): Promise<Buffer[]> => {
    const directories = await listDirectory(stack, visitor, signal, WAITING_BYTES - waiting)
    waiting += sizeOf(directories)
    return directories
  }
  const levels = [await list()]
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    signal.throwIfAborted()
    const next = level.pop()
    if (next === undefined) {
      await visitor.leave()
      levels.pop()
      if (levels.length > 0) await stack.up()
      continue
    }
    waiting -= sizeOf([next])
    await visitor.before?.(next)
    if (!(await entered(stack, next))) continue
    if (await visitor.enter(next)) levels.push(await list())
    else await stack.up()
  }
}

async function entered(stack: DirectoryStack, name: Buffer): Promise<boolean> {
  try {
    await stack.down(name)
    return true
  } catch (error) {
    if (PASSED_OVER.has(errnoOf(error) ?? '')) return false
    throw error
  }
}

/** Hands over the entries that are not directories; resolves with the names of the rest. */
async function listDirectory(
  stack: DirectoryStack,
  visitor: TreeVisitor,
  signal: AbortSignal,
  room: number,
): Promise<Buffer[]> {
  const directories: Buffer[] = []
  let batch: Buffer[] = []
  let left = room
  // Names that are not UTF-8 exist: they are read and handed back as bytes. The types know no such encoding.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: BATCH }
  for await (const found of await opendir(pathOfOpened(stack.handle.fd), options)) {
    const name = Buffer.from(found.name)
    if (found.isDirectory()) {
      directories.push(name)
      left -= sizeOf([name])
      if (left < 0) throw tooWide()
    } else if (batch.push(name) >= BATCH) {
      signal.throwIfAborted()
      await visitor.entries(batch)
      batch = []
    }
  }
  if (batch.length > 0) await visitor.entries(batch)
  return directories
}

function sizeOf(names: readonly Buffer[]): number {
  return names.reduce((sum, name) => sum + name.byteLength + NAME_OVERHEAD, 0)
}

function tooWide(): Fault {
  return new Fault('payload_too_large', 'the tree has too many directories side by side to be handled in one call', {
    details: { limit: WAITING_BYTES, unit: 'bytes of names' },
  })
}

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants

/**
 * Directories kept open on the way down; those above are closed, and opened again on the way back by "..", which is
 * checked to be the directory that we came from.
 */
const MOST_OPEN = 32

interface OpenLevel {
  readonly dev: number
  readonly ino: number
  /** Open for the deepest level always. */
  handle: FileHandle | undefined
}

export class DirectoryStack implements AsyncDisposable {
  readonly #levels: OpenLevel[]
  #deepest: OpenLevel & { readonly handle: FileHandle }

  constructor(top: OpenLevel & { readonly handle: FileHandle }) {
    this.#levels = [top]
    this.#deepest = top
  }

  /** The directory at hand. */
  get handle(): FileHandle {
    return this.#deepest.handle
  }

  get dev(): number {
    return this.#deepest.dev
  }

  get ino(): number {
    return this.#deepest.ino
  }

  /** The kernel's number of the mount that it was reached by; empty if the kernel tells none. */
  get mount(): string {
    return mountIdOfOpened(this.handle.fd)
  }

  /** Returns a path of an entry, which leads there after any rename above. */
  entry(name: Buffer | string): Buffer {
    return entryOfOpened(this.handle.fd, name)
  }

  async down(name: Buffer): Promise<void> {
    this.#deepest = await openLevel(this.entry(name))
    this.#levels.push(this.#deepest)
    await closeLevel(this.#levels.at(-1 - MOST_OPEN))
  }

  async up(): Promise<void> {
    const below = this.#deepest
    const above = this.#levels.at(-2)
    if (above === undefined) throw new Error('this is the top already')
    const handle = above.handle ?? (await openAbove(below.handle, above))
    this.#levels.pop()
    this.#deepest = Object.assign(above, { handle })
    await below.handle.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const level of this.#levels) await closeLevel(level)
  }
}

/** Opens the directory at `path`, which is no link. Throws `not_supported` without /proc, else the system's error. */
export async function openStack(path: string): Promise<DirectoryStack> {
  if (!canReachOpened()) {
    throw new Fault('not_supported', 'directories are walked through /proc/self/fd, and /proc is not mounted here')
  }
  return new DirectoryStack(await openLevel(path))
}

async function openLevel(path: Buffer | string): Promise<OpenLevel & { readonly handle: FileHandle }> {
  const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const { dev, ino } = await handle.stat()
    return { dev, ino, handle }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function closeLevel(level: OpenLevel | undefined): Promise<void> {
  const handle = level?.handle
  if (level !== undefined) level.handle = undefined
  await handle?.close()
}

async function openAbove(directory: FileHandle, expected: OpenLevel): Promise<FileHandle> {
  const above = await openLevel(entryOfOpened(directory.fd, '..'))
  if (above.dev === expected.dev && above.ino === expected.ino) return above.handle
  await above.handle.close()
  throw new Fault('conflict', 'directories were moved while work went on in them; what is left was not touched')
}
