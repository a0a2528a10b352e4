// The regular files that the rules admit, for a search of their content: each path relative to the root, ended
// by NUL; "/" and base64 where its bytes are not UTF-8, for no relative path begins with a slash.

import { below, relative, type Location } from './directory.ts'
import { folded } from './fold.ts'
import type { Ground } from './ground.ts'
import type { Output } from './output.ts'
import type { FilesJob } from './walk-job.ts'

export class FileWalk {
  readonly truncated = false
  readonly #job: FilesJob
  readonly #ground: Ground
  readonly #output: Output
  readonly #ends: readonly string[]
  #count = 0

  constructor(job: FilesJob, ground: Ground, output: Output) {
    this.#job = job
    this.#ground = ground
    this.#output = output
    this.#ends = job.extensions.map((extension) => `.${extension}`)
  }

  get count(): number {
    return this.#count
  }

  *run(): Generator<void, void> {
    const pending = [this.#ground.root]
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      for (const item of this.#ground.enter(directory)) {
        if (this.#ground.tired || this.#output.full) yield
        const { name, kind } = item
        if (kind !== 'directory' && (kind !== 'file' || !this.#wanted(name))) continue
        if (!this.#job.hidden && name.startsWith('.')) continue
        if (!this.#ground.admits(directory, item)) continue
        const child = kind === 'directory' ? this.#ground.descend(directory, item) : undefined
        if (child !== undefined) pending.push(child)
        if (kind === 'file') this.#put(below(directory, item))
      }
    }
  }

  #wanted(name: string): boolean {
    if (this.#ends.length === 0) return true
    const plain = folded(name)
    return this.#ends.some((end) => plain.endsWith(end))
  }

  #put(location: Location): void {
    this.#count++
    const { path, raw } = relative(this.#ground.root, location)
    this.#output.put(raw === undefined ? `${path}\0` : `/${raw.toString('base64')}\0`)
  }
}
