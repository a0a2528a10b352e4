// Gives each command an id and each command and terminal a mark: `new TaskMarks(directory)`, `await ready()`, `next()`.
// Ids are small decimal numbers that are never given twice, not by later lives of the daemon either. They come in
// blocks that a life claims for itself: the file of a block is made exclusively, with a number above all that are
// there. If the state directory cannot be written, ids are taken from the clock, far above any block. The mark goes
// into the environment, so that descendants can be found again.

import { open, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { freshRandom } from '../../base/fresh-random.ts'
import { makeWithParents } from '../../base/make-directories.ts'
import { attempt, createWhole } from '../../base/private-file.ts'
import { MARK_VARIABLE, markText, type CommandMark } from '../processes/mark.ts'
import { processName } from '../processes/process-table.ts'

/** Ids of one block: a life that starts few commands wastes the rest. */
const BLOCK = 1000
/** Tries to claim a block while other daemons claim theirs; such a race is short. */
const MOST_TRIES = 100
const BLOCK_NAME = /^block-(\d{1,12})$/
const IDENTITY = 'identity'
/** Zero of numbers from the clock, which count milliseconds: eleven digits for the next years. */
const CLOCK_ZERO = Date.UTC(2026, 0, 1)

interface NextMark {
  readonly id: string
  /** Variables laid over all that the command inherits; empty if nothing can be kept of this life. */
  readonly variables: Readonly<Record<string, string>>
}

export class TaskMarks {
  /** Name of the state directory; undefined if it keeps nothing. */
  readonly identity: Promise<string | undefined>
  readonly #ids: TaskIds
  readonly #known: Promise<void>
  #from: { readonly identity: string; readonly life: string } | undefined

  /** `directory` keeps the ids that were claimed; it is made if it is missing. */
  constructor(directory: string) {
    this.#ids = new TaskIds(directory)
    this.identity = this.#ids.identity
    this.#known = this.#learn()
  }

  /** Resolves when `next` may be called. */
  async ready(): Promise<void> {
    if (this.#from === undefined) await this.#known
    await this.#ids.ready()
  }

  next(): NextMark {
    const id = this.#ids.next()
    const mark = this.markOf(id)
    const variables = mark === undefined ? {} : { [MARK_VARIABLE]: markText(mark) }
    return { id, variables }
  }

  /** Returns the mark of a command of this life; undefined if it was given none. */
  markOf(id: string): CommandMark | undefined {
    return this.#from === undefined ? undefined : { ...this.#from, id }
  }

  async #learn(): Promise<void> {
    const [identity, life] = await Promise.all([this.identity, processName()])
    if (identity !== undefined) this.#from = { identity, life }
  }
}

class TaskIds {
  /** Name of this state directory; resolves before the first id is given. Undefined if the directory keeps nothing. */
  readonly identity: Promise<string | undefined>
  readonly #directory: string
  #next = 0
  #end = 0
  #fromClock = 0
  #claiming: Promise<void> | undefined

  /** Makes `directory` if it is missing. */
  constructor(directory: string) {
    this.#directory = directory
    this.identity = identityIn(directory)
    this.#claiming = this.#claim()
  }

  /** Resolves once `next` has a number out of a block, or none can be had. */
  async ready(): Promise<void> {
    if (this.#next < this.#end) return
    await this.#claiming
  }

  next(): string {
    if (this.#end - this.#next < BLOCK / 2) this.#claiming ??= this.#claim()
    if (this.#next < this.#end) return String(this.#next++)
    this.#fromClock = Math.max(this.#fromClock + 1, Date.now() - CLOCK_ZERO)
    return String(this.#fromClock)
  }

  /** Gives up the rest of the present block: the new one is above it. */
  async #claim(): Promise<void> {
    const [block] = await attempt(async () => {
      await this.identity
      return await claimBlock(this.#directory)
    })
    this.#claiming = undefined
    if (block === undefined) return
    // Number 0 is not an id.
    this.#next = Math.max(1, block * BLOCK)
    this.#end = (block + 1) * BLOCK
  }
}

async function claimBlock(directory: string): Promise<number> {
  for (let tried = 0; tried < MOST_TRIES; tried++) {
    const block = Math.max(-1, ...(await blocksIn(directory))) + 1
    const path = join(directory, `block-${block}`)
    const [file, refused] = await attempt(async () => await open(path, 'wx', 0o600))
    if (refused === 'EEXIST') continue
    if (file === undefined) throw Object.assign(new Error(`${path}: ${refused}`), { code: refused })
    await file.close()
    const blocks = await blocksIn(directory)
    // Its maker may have gone on to a higher block and removed this name before we made it anew.
    if (blocks.some((other) => other > block)) {
      await attempt(async () => await unlink(path))
      continue
    }
    await synced(directory)
    for (const other of blocks) {
      if (other < block) await attempt(async () => await unlink(join(directory, `block-${other}`)))
    }
    return block
  }
  throw Object.assign(new Error(`no block of ids could be claimed in ${directory}`), { code: 'EBUSY' })
}

async function blocksIn(directory: string): Promise<number[]> {
  return (await readdir(directory)).flatMap((name) => {
    const block = BLOCK_NAME.exec(name)?.[1]
    return block === undefined ? [] : [Number(block)]
  })
}

/** Makes the claim outlive a power failure, if the file system can promise that. */
async function synced(directory: string): Promise<void> {
  await attempt(async () => {
    await using handle = await open(directory, 'r')
    await handle.sync()
  })
}

async function identityIn(directory: string): Promise<string | undefined> {
  const [, refused] = await attempt(async () => {
    makeWithParents(directory, 0o700)
    await createWhole(join(directory, IDENTITY), freshRandom(8).toString('hex'))
  })
  return refused === undefined ? await identityOf(directory) : undefined
}

/** Returns the name of the state directory without making one, for a process that only looks. */
export async function identityOf(directory: string): Promise<string | undefined> {
  const [name] = await attempt(async () => (await readFile(join(directory, IDENTITY), 'latin1')).trim())
  return name !== undefined && /^[0-9a-f]{16}$/.test(name) ? name : undefined
}
