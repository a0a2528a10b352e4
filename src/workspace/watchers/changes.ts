// The answer to a caller who polls with a cursor: the changes after it, in order, or why they cannot be told.

import { JsonText } from '../../base/json-text.ts'
import type { ShownChange } from '../../threads/watch/windows.ts'
import type { LiveWatcher } from './watcher.ts'
import { isHidden } from './withheld-below.ts'

/** Changes in one answer. */
export const CHANGES_AT_ONCE = 1000

export interface Changes {
  readonly changes: JsonText<ShownChange[]>
  readonly count: number
  /** For the next question. */
  readonly cursor: string
  /** More is there already. */
  readonly more: boolean
  /** Why what lies between `since` and now cannot be told: look at the tree itself, and go on from `cursor`. */
  readonly resync?: 'expired' | 'restarted'
}

export interface ChangesQuestion {
  readonly since: string
  readonly waitSeconds: number
  /** The caller is not allowed everything: what is hidden from it is not told. */
  readonly limited?: boolean
}

export function answer(
  watcher: LiveWatcher,
  from: number,
  { resync, limited = false }: { resync?: 'expired' | 'restarted'; limited?: boolean },
): Changes {
  const texts = watcher.log.from(from, CHANGES_AT_ONCE)
  const next = from + texts.length
  const shown = limited ? texts.filter((text) => !isHidden(text, watcher.hidden)) : texts
  return {
    changes: new JsonText<ShownChange[]>([Buffer.from(`[${shown.join(',')}]`)]),
    count: shown.length,
    cursor: watcher.cursorAt(next),
    more: next < watcher.log.next,
    ...(resync === undefined ? {} : { resync }),
  }
}
