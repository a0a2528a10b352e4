// A way down into a tree, held by open directories: each is opened without following links and its entries are
// reached through it (/proc/self/fd/<n>/name). Nobody who swaps a directory for a link meanwhile can lead us
// outside, and no path gets longer than the kernel takes (F-19). A few directories are open at a time;
// the way back up to one that is not is "..", checked to be where we came from.

import { constants, readFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { existsSync, open } from '../../base/path-calls.ts'
import { bytesOfText } from '../../base/bytes-text.ts'
import { Fault } from '../../base/fault.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants

/** Directories kept open on the way down; those above are closed, and opened again on the way back. */
const MOST_OPEN = 32

interface Level {
  readonly dev: number
  readonly ino: number
  /** Always there for the deepest level. */
  handle: FileHandle | undefined
}

export class DirectoryStack implements AsyncDisposable {
  readonly #levels: Level[]
  #deepest: Level & { readonly handle: FileHandle }

  constructor(top: Level & { readonly handle: FileHandle }) {
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

  /** The mount that it was reached by: a bind mount has the device of what it shows. Empty where the kernel tells none. */
  get mount(): string {
    return mountOf(this.handle)
  }

  /** An entry of it, as a path that leads there whatever is renamed above. */
  entry(name: Buffer | string): Buffer {
    return entryOf(this.handle, name)
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

/** The directory at `path` itself: no link. */
export async function openStack(path: string): Promise<DirectoryStack> {
  if (!existsSync('/proc/self/fd')) {
    throw new Fault('not_supported', 'directories are walked through /proc/self/fd, and /proc is not mounted here')
  }
  return new DirectoryStack(await openLevel(path))
}

function entryOf(directory: FileHandle, name: Buffer | string): Buffer {
  return Buffer.concat([
    Buffer.from(`/proc/self/fd/${directory.fd}/`),
    typeof name === 'string' ? bytesOfText(name) : name,
  ])
}

/** proc(5), fdinfo: 20 µs, without a question to the file system. */
function mountOf(directory: FileHandle): string {
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${directory.fd}`, 'latin1'))?.[1] ?? ''
}

async function openLevel(path: Buffer | string): Promise<Level & { readonly handle: FileHandle }> {
  const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const { dev, ino } = await handle.stat()
    return { dev, ino, handle }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function closeLevel(level: Level | undefined): Promise<void> {
  const handle = level?.handle
  if (level !== undefined) level.handle = undefined
  await handle?.close()
}

async function openAbove(directory: FileHandle, expected: Level): Promise<FileHandle> {
  const above = await openLevel(entryOf(directory, '..'))
  if (above.dev === expected.dev && above.ino === expected.ino) return above.handle
  await above.handle.close()
  throw new Fault('conflict', 'directories were moved while work went on in them; what is left was not touched')
}
