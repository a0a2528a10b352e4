// Where git keeps the user's own settings, as far as that can be read now. The home directory may lie on a file system
// that does not answer: then a walk or search goes on without the user's own excludes, and says so. One look at a time
// is under way, so a mount that does not answer takes one place of those for such calls.

import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitHome } from '../../threads/walk/walk-job.ts'
import { isRemote, remoteCall } from '../files/mounts/remote-calls.ts'

/** A file system that answers at all mostly has by then. */
const PATIENCE_MS = 1000

export class GitHomeLook {
  readonly #home: GitHome
  #looking: Promise<true> | undefined
  /** The look under way was waited for already, in vain. */
  #overdue = false

  constructor(home: GitHome) {
    this.#home = home
  }

  /** `home` where it answers or is of this machine; else one without any file, which names what is missing. */
  async now(): Promise<GitHome> {
    const paths = this.#remotePaths()
    const [first] = paths
    if (first === undefined || (await this.#answers(paths))) return this.#home
    return { home: undefined, configHome: undefined, silent: first }
  }

  #remotePaths(): readonly string[] {
    const { home, configHome } = this.#home
    const named = [...(home ? [join(home, '.gitconfig')] : []), ...(configHome ? [join(configHome, 'git')] : [])]
    return named.filter(isRemote)
  }

  async #answers(paths: readonly string[]): Promise<boolean> {
    this.#looking ??= this.#look(paths)
    if (this.#overdue) return false
    const { promise, resolve } = Promise.withResolvers<false>()
    const timer = setTimeout(() => resolve(false), PATIENCE_MS)
    const answered = await Promise.race([this.#looking, promise])
    clearTimeout(timer)
    this.#overdue = !answered && this.#looking !== undefined
    return answered
  }

  async #look(paths: readonly string[]): Promise<true> {
    await Promise.allSettled(paths.map((path) => remoteCall(path, () => lstat(path))))
    this.#looking = undefined
    this.#overdue = false
    return true
  }
}
