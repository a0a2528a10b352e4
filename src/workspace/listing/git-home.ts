// `new GitHomeLook(home).now()` tells where git keeps the user's settings, if they can be read now. The home directory
// may lie on a file system that does not answer: a walk or search then goes on without the user's own excludes, and
// says so. One look at a time is made, so a mount that does not answer takes one of the places for calls into remote
// mounts.

import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitHome } from '../../threads/walk/walk-job.ts'
import { isRemote, remoteCall } from '../files/mounts/remote-calls.ts'

/** Milliseconds that a look may take: a file system that answers at all mostly answers within them. */
const PATIENCE_MS = 1000

export class GitHomeLook {
  readonly #home: GitHome
  #looking: Promise<true> | undefined
  /** True if the present look has taken longer than PATIENCE_MS. */
  #overdue = false

  constructor(home: GitHome) {
    this.#home = home
  }

  /**
   * Returns `home` if it answers or is on this machine; else one without files, whose `silent` names the missing one.
   */
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
