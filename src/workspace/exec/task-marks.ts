// What each command and terminal is given at its start besides what its caller asked for: an id that is never given
// twice, and in its environment the mark by which it and its descendants can be found again.

import { MARK_VARIABLE, markText, type Mark } from '../processes/mark.ts'
import { processName } from '../processes/process-name.ts'
import { TaskIds } from './task-ids.ts'

export interface NextMark {
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
  markOf(id: string): Mark | undefined {
    return this.#from === undefined ? undefined : { ...this.#from, id }
  }

  async #learn(): Promise<void> {
    const [identity, life] = await Promise.all([this.identity, processName()])
    if (identity !== undefined) this.#from = { identity, life }
  }
}
