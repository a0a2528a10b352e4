// A search of file names as a walk (protocol.md#search, /files/search/files): `new NameWalk(job, ground, output).run()`
// finds the regular files, as `rg --files` lists them, whose path below the root contains a text or matches a glob.

import { below, relative } from './directory.ts'
import { folded } from './fold.ts'
import { compileGlob, matchSegments, type Segment } from './glob.ts'
import type { WalkedDirectory, Ground } from './ground.ts'
import { unusedName } from './lossy-names.ts'
import { quickString, type Output } from './entry.ts'
import type { LossyName, NameJob } from './walk-job.ts'

interface PendingDirectory {
  readonly directory: WalkedDirectory
  /** Relative path with a final slash; empty for the root. */
  readonly prefix: string
  /** True if the text is in `prefix`, so that every file below is found. */
  readonly found: boolean
}

export class NameWalk {
  readonly #job: NameJob
  readonly #ground: Ground
  readonly #output: Output
  readonly #files: string[] = []
  /** Paths that are not UTF-8: their decoded text and their bytes. */
  readonly #lossy: { readonly text: string; readonly bytes: Buffer }[] = []
  #lossyNames: LossyName[] | undefined
  readonly #q: string
  readonly #globs: readonly (readonly Segment[])[]
  /** True if the text has a slash, so that names alone do not decide. */
  readonly #spans: boolean
  #truncated = false
  #passed = 0

  constructor(job: NameJob, ground: Ground, output: Output) {
    this.#job = job
    this.#ground = ground
    this.#output = output
    this.#q = this.#folded(job.q)
    this.#spans = job.q.includes('/')
    this.#globs = (job.globs ?? []).flatMap((glob) => [compileGlob(this.#folded(glob)) ?? []])
  }

  get count(): number {
    return this.#files.length + this.#lossy.length
  }
  get lossyNames(): readonly LossyName[] | undefined {
    return this.#lossyNames
  }
  get truncated(): boolean {
    return this.#truncated
  }

  /** Puts one JSON array, sorted by path. */
  *run(): Generator<void, void> {
    const pending: PendingDirectory[] = [{ directory: this.#ground.root, prefix: '', found: false }]
    for (let branch = pending.pop(); branch !== undefined && !this.#truncated; branch = pending.pop()) {
      yield* this.#visit(branch, pending)
    }
    this.#nameLossy()
    this.#files.sort()
    this.#output.put(`[${this.#files.map(quickString).join(',')}]`)
  }

  *#visit({ directory, prefix, found }: PendingDirectory, pending: PendingDirectory[]): Generator<void, void> {
    for (const item of this.#ground.enter(directory)) {
      if (this.#ground.tired) yield
      const { name, kind } = item
      if (kind !== 'file' && kind !== 'directory') continue
      if (!this.#job.hidden && name.startsWith('.')) continue
      const matches = found || this.#matches(prefix, name, kind === 'directory')
      // Cheaper than the rules, and it settles most files.
      if (kind === 'file' && !matches) continue
      if (!this.#ground.admits(directory, item)) continue
      if (kind === 'directory') {
        const child = this.#ground.descend(directory, item)
        if (child !== undefined) pending.push({ directory: child, prefix: `${prefix}${name}/`, found: matches })
      } else if (this.#passed < this.#job.offset) {
        this.#passed++
      } else {
        if (this.count >= this.#job.cap) {
          this.#truncated = true
          return
        }
        this.#add(prefix + name, relative(this.#ground.root, below(directory, item)).raw)
      }
    }
  }

  #add(text: string, raw: Buffer | undefined): void {
    if (raw === undefined) this.#files.push(text)
    else this.#lossy.push({ text, bytes: raw })
  }

  /**
   * Gives each path a text that no other has: if decoding makes two alike, bytes that are not UTF-8 are written \\xNN.
   */
  #nameLossy(): void {
    if (this.#lossy.length === 0) return
    const times = new Map<string, number>()
    for (const text of [...this.#files, ...this.#lossy.map((one) => one.text)])
      times.set(text, (times.get(text) ?? 0) + 1)
    const used = new Set(times.keys())
    this.#lossyNames = this.#lossy.map(({ text, bytes }) => {
      const path = times.get(text) === 1 ? text : unusedName(bytes, used)
      used.add(path)
      return { path, bytes: bytes.toString('base64') }
    })
    this.#lossy.length = 0
    this.#files.push(...this.#lossyNames.map(({ path }) => path))
  }

  #matches(prefix: string, name: string, directory: boolean): boolean {
    if (!directory && this.#globs.length > 0 && this.#fitsGlob(prefix, name)) return true
    if (!this.#spans) return this.#folded(name).includes(this.#q)
    return this.#folded(directory ? `${prefix}${name}/` : prefix + name).includes(this.#q)
  }

  /** Returns whether a glob matches. The text itself is tried too, since a name may hold it: `[id].tsx`. */
  #fitsGlob(prefix: string, name: string): boolean {
    const path = this.#folded(this.#spans ? prefix + name : name).split('/')
    return this.#globs.some((glob) => matchSegments(glob, path, 0))
  }

  #folded(text: string): string {
    return this.#job.caseSensitive ? text : folded(text)
  }
}
