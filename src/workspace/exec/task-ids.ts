// Ids of commands: small decimal numbers that are never given twice, also not by the daemon's next lives, so that an
// id of an earlier life never means another command. Numbers come in blocks that a life claims for itself: the file
// of a block is made exclusively, and its number is above all that are there. Where the state directory cannot be
// written they are taken from the clock, far above any block.

import { open, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { freshRandom } from '../../base/fresh-random.ts'
import { makeWithParents } from '../../base/make-directories.ts'
import { attempt, createWhole } from '../../base/private-file.ts'
import { MARK_VARIABLE, markText, type CommandMark } from '../processes/mark.ts'
import { processName } from '../processes/process-table.ts'

/** Ids of one block: a life that starts few commands wastes the rest. */
const BLOCK = 1000
/** Claiming a block meets others who do the same at the same time, not for long. */
const MOST_TRIES = 100
const BLOCK_NAME = /^block-(\d{1,12})$/
const IDENTITY = 'identity'
/** Numbers from the clock count milliseconds from here on: eleven digits for the next years. */
const CLOCK_ZERO = Date.UTC(2026, 0, 1)

export class TaskIds {
  /** Names this state directory; resolves before the first id is given. Undefined where it keeps nothing. */
  readonly identity: Promise<string | undefined>
  readonly #directory: string
  #next = 0
  #end = 0
  #fromClock = 0
  #claiming: Promise<void> | undefined

  /** `directory` is made where it is missing. */
  constructor(directory: string) {
    this.#directory = directory
    this.identity = identityIn(directory)
    this.#claiming = this.#claim()
  }

  /** Resolves once `next` has a number out of a block, if there is one to be had. */
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

  /** What is left of the present block is given up: the new one is above it. */
  async #claim(): Promise<void> {
    const [block] = await attempt(async () => {
      await this.identity
      return await claimBlock(this.#directory)
    })
    this.#claiming = undefined
    if (block === undefined) return
    // Number 0 is none.
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
    // Its maker may have gone on to a higher one and removed this name, before we made it anew.
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

/** The claim outlives a failure of power, where the file system can promise that. */
async function synced(directory: string): Promise<void> {
  await attempt(async () => {
    await using handle = await open(directory, 'r')
    await handle.sync()
  })
}

async function identityIn(directory: string): Promise<string | undefined> {
  const [name] = await attempt(async () => {
    const path = join(directory, IDENTITY)
    makeWithParents(directory, 0o700)
    await createWhole(path, freshRandom(8).toString('hex'))
    return (await readFile(path, 'latin1')).trim()
  })
  return name !== undefined && /^[0-9a-f]{16}$/.test(name) ? name : undefined
}

/** The same without making anything, for who only looks. */
export async function identityOf(directory: string): Promise<string | undefined> {
  const [name] = await attempt(async () => (await readFile(join(directory, IDENTITY), 'latin1')).trim())
  return name !== undefined && /^[0-9a-f]{16}$/.test(name) ? name : undefined
}

// What each command and terminal is given at its start besides what its caller asked for: an id that is never given
// twice, and in its environment the mark by which it and its descendants can be found again.

interface NextMark {
  readonly id: string
  /** Laid over everything else the command inherits; empty where nothing can be kept of this life. */
  readonly variables: Readonly<Record<string, string>>
}

export class TaskMarks {
  /** Of the state directory; undefined where it keeps nothing. */
  readonly identity: Promise<string | undefined>
  readonly #ids: TaskIds
  readonly #known: Promise<void>
  #from: { readonly identity: string; readonly life: string } | undefined

  /** `directory` keeps what the daemon's lives must not do twice; it is made where it is missing. */
  constructor(directory: string) {
    this.#ids = new TaskIds(directory)
    this.identity = this.#ids.identity
    this.#known = this.#learn()
  }

  /** To be waited for before `next`. */
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

  /** That of a command of this life; undefined where it was given none. */
  markOf(id: string): CommandMark | undefined {
    return this.#from === undefined ? undefined : { ...this.#from, id }
  }

  async #learn(): Promise<void> {
    const [identity, life] = await Promise.all([this.identity, processName()])
    if (identity !== undefined) this.#from = { identity, life }
  }
}
