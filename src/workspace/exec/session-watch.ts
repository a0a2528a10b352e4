// Finished tasks whose session may still have members. While it has, the task keeps its process number, so that
// deleting the task can still end them; then the number is given back. Finding out takes a walk of /proc, so it is done
// off the path of any request, for all of them at once.

import { isDead, processes } from '../processes/process-table.ts'
import type { Task } from './task.ts'
import { takeTurns } from '../../base/waiting.ts'

/** Pause before the first look after a task's end. It doubles up to the second while nothing changes. */
const FIRST_LOOK_MS = 200
const LAST_LOOK_MS = 10_000

export class SessionWatch {
  readonly #tasks = new Set<Task>()
  #timer: NodeJS.Timeout | undefined
  #delay = FIRST_LOOK_MS
  #looking = false

  /** Gives the task's number back once its session is gone. */
  add(task: Task): void {
    this.#tasks.add(task)
    if (this.#delay > FIRST_LOOK_MS) {
      clearTimeout(this.#timer)
      this.#timer = undefined
    }
    this.#delay = FIRST_LOOK_MS
    this.#schedule()
  }

  /** Forgets a task that was released elsewhere. */
  remove(task: Task): void {
    this.#tasks.delete(task)
  }

  /** Looks now. */
  async look(): Promise<void> {
    const asked = [...this.#tasks]
    if (asked.length === 0) return
    const alive = new Set<number>()
    const turn = takeTurns()
    try {
      for (const entry of processes()) {
        if (entry.pid !== entry.session && !isDead(entry)) alive.add(entry.session)
        await turn()
      }
    } catch {
      return // /proc cannot be read now: the next look will
    }
    for (const task of asked) {
      if (alive.has(task.pid) || !this.#tasks.delete(task)) continue
      task.releaseProcess()
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#tasks.clear()
  }

  #schedule(): void {
    if (this.#looking || this.#timer !== undefined || this.#tasks.size === 0) return
    this.#timer = setTimeout(() => void this.#next(), this.#delay)
    this.#timer.unref()
  }

  async #next(): Promise<void> {
    this.#timer = undefined
    this.#looking = true
    this.#delay = Math.min(this.#delay * 2, LAST_LOOK_MS)
    await this.look()
    this.#looking = false
    this.#schedule()
  }
}
