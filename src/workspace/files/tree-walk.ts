// Walks a tree for somebody who does something to each of its entries: what is no directory in batches, then each
// directory, whole, before the next. No recursion, and a path is never longer than a name (directory-stack.ts).
// What disappears meanwhile is passed over.

import { opendir } from '../../base/path-calls.ts'
import { errnoOf, Fault } from '../../base/fault.ts'
import type { DirectoryStack } from './directory-stack.ts'

export interface TreeVisitor {
  /** Some entries of the directory at hand, none of them directories when they were listed. */
  entries(names: readonly Buffer[]): Promise<void>
  /** A directory is about to be opened. */
  before?(name: Buffer): Promise<void>
  /** It is the directory at hand now; false leaves it out. */
  enter(name: Buffer): Promise<boolean>
  /** All of the directory at hand is done. */
  leave(): Promise<void>
}

/** Entries handed over at once. */
const BATCH = 64

/** Names of directories that wait for their turn, in bytes: some 200,000 in all. */
const WAITING_BYTES = 16 * 1024 * 1024
/** What a name takes besides its bytes. */
const NAME_OVERHEAD = 64

/** Gone, or no longer a directory. */
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

/** Hands over what is no directory and returns the names of the rest. */
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
  for await (const found of await opendir(`/proc/self/fd/${stack.handle.fd}`, options)) {
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
