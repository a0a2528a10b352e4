// A client that believes a watcher: it keeps the paths and contents of a tree by the watcher's frames alone, and reads
// a file only when a frame says that it changed. If its account differs from the disk at the end, a change was lost.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import {
  openWatchers,
  type Watcher,
  type Watchers,
  type WatchersOptions,
} from '../../src/workspace/watchers/watchers.ts'
import { watcherFrame } from '../../src/transports/socket/frames.ts'
import { WINDOW_MS } from '../../src/threads/watch/windows.ts'
import { slowness } from '../../scripts/slowness.ts'
import { until } from './until.ts'

/** Time, on a quiet machine, after which a change that was not told counts as lost. */
const SETTLED_MS = 60_000

export interface Told {
  readonly type: string
  readonly channel: string
  readonly watcher_id: string
  readonly path: string
  readonly op: string
  readonly directory?: boolean
  readonly created?: boolean
  readonly from?: string
  readonly to?: string
  readonly path_base64?: string
  readonly message?: string
  readonly dirs?: number
  readonly resync?: boolean
}

const writer = join(import.meta.dirname, 'programs/tree-writer.ts')

/** Runs the tree writer to its end, and keeps the main thread from doing anything meanwhile. */
export function writeBlocking(what: string, root: string, count: number): void {
  const { status } = spawnSync(process.execPath, [writer, what, root, String(count), '1'], { stdio: 'inherit' })
  if (status !== 0) throw new Error(`the writer ended with ${status}`)
}

/** Runs the tree writer to its end. */
export async function write(what: string, root: string, count: number, seed = 1): Promise<void> {
  const child = spawn(process.execPath, [writer, what, root, String(count), String(seed)], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`the writer ended with ${code}`)
}

export const never = new AbortController().signal

/** Watchers that are closed with the test. */
export function watchersOf(t: Test, options?: WatchersOptions): Watchers {
  const watchers = openWatchers(options)
  t.teardown(() => watchers[Symbol.asyncDispose]())
  return watchers
}

export const watch = (watchers: Watchers, root: string, excludes: readonly string[] = [], defaultExcludes = true) =>
  watchers.create({ root, excludes, defaultExcludes }, never)

/** A fresh directory with a short path, in memory where the system has such a place: floods of files are slow elsewhere. */
export function scratch(t: Test): string {
  const memory = '/dev/shm'
  const root = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'watched-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  return root
}

/** Every path below `root` with what is there: 'directory', or the content of a file. */
export function disk(root: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    found.set(path, contentOf(path) ?? 'gone')
  }
  return found
}

function contentOf(path: string): string | undefined {
  try {
    return lstatSync(path).isDirectory() ? 'directory' : `file: ${readFileSync(path, 'utf8')}`
  } catch {
    return undefined
  }
}

/** The paths and contents of a tree as the client has been told of them. */
export class Ledger {
  readonly paths: Map<string, string>
  readonly #root: string

  constructor(root: string) {
    this.#root = root
    this.paths = disk(root)
  }

  apply({ path, op, directory }: Pick<Told, 'path' | 'op' | 'directory'>): void {
    if (op === 'remove' || op === 'rename') this.#drop(path, directory === true)
    else {
      const content = contentOf(path)
      if (content !== undefined) this.paths.set(path, content)
      else if (op === 'create') this.paths.set(path, 'gone') // and that it went will be told
    }
  }

  /** Reads the tree anew: the client was told that changes were lost. */
  relist(): void {
    this.paths.clear()
    for (const [path, content] of disk(this.#root)) this.paths.set(path, content)
  }

  #drop(path: string, directory: boolean): void {
    this.paths.delete(path)
    if (!directory) return
    for (const known of this.paths.keys()) if (known.startsWith(`${path}/`)) this.paths.delete(known)
  }

  /** Differences between the account and the disk, a few of them. */
  differences(): string[] {
    const real = disk(this.#root)
    const wrong: string[] = []
    for (const [path, content] of real) {
      if (this.paths.get(path) !== content) wrong.push(`${path}: ${content}, told: ${this.paths.get(path)}`)
    }
    for (const path of this.paths.keys()) if (!real.has(path)) wrong.push(`${path}: gone, not told`)
    return wrong.slice(0, 20)
  }

  /** Waits until the account equals the disk; fails with the differences. `told` counts what was told so far. */
  async settled(told: () => number): Promise<void> {
    const began = performance.now()
    for (let seen = -1; ; seen = told()) {
      // Comparing costs time: not while more is coming.
      if (seen === told()) {
        const wrong = this.differences()
        if (wrong.length === 0) return
        if (performance.now() - began > SETTLED_MS * slowness())
          throw new Error(`the account differs:\n${wrong.join('\n')}`)
      }
      await pause(WINDOW_MS)
    }
  }
}

export class Account {
  readonly frames: Told[] = []
  readonly #ledger: Ledger
  readonly #subscription: ReturnType<Watchers['subscribe']>
  readonly #watcher: Watcher
  #paused = false

  constructor(t: Test, watchers: Watchers, watcher: Watcher) {
    this.#watcher = watcher
    this.#ledger = new Ledger(watcher.root)
    this.#subscription = watchers.subscribe(() => this.#read())
    this.#read()
    t.teardown(() => this.#subscription[Symbol.dispose]())
  }

  /** While paused nothing is taken. */
  set paused(paused: boolean) {
    this.#paused = paused
    this.#read()
  }

  #read(): void {
    while (!this.#paused) {
      const event = this.#subscription.take()
      if (event === undefined) return
      const told = JSON.parse(watcherFrame(event)) as Told // our own frames
      if (told.watcher_id !== this.#watcher.id) continue
      this.frames.push(told)
      if (told.type === 'change') this.#ledger.apply(told)
    }
  }

  get paths(): ReadonlyMap<string, string> {
    return this.#ledger.paths
  }

  differences(): string[] {
    return this.#ledger.differences()
  }

  get changes(): readonly Told[] {
    return this.frames.filter(({ type }) => type === 'change')
  }

  get overflows(): readonly Told[] {
    return this.frames.filter(({ type }) => type === 'overflow')
  }

  /** Waits until the account equals the disk; fails with the differences. */
  settled(): Promise<void> {
    return this.#ledger.settled(() => this.frames.length)
  }

  /** Waits for a change of `path`. */
  async change(path: string, op: string): Promise<Told> {
    const found = () => this.changes.find((told) => told.path === path && told.op === op)
    await until(`${op} of ${path}`, () => found() !== undefined)
    return found() as Told // just seen
  }
}
