// Answers a caller who polls with a cursor: the changes after the cursor, in order, or the reason why they are not
// known any more.

import { JsonText } from '../../base/json-text.ts'
import type { ShownChange } from '../../threads/watch/windows.ts'
import type { LiveWatcher } from './watcher.ts'
import { isHidden } from './withheld-below.ts'

/** Most changes in one answer. */
export const CHANGES_AT_ONCE = 1000

export interface Changes {
  readonly changes: JsonText<ShownChange[]>
  readonly count: number
  /** Cursor for the next question. */
  readonly cursor: string
  /** True if there are more changes already. */
  readonly more: boolean
  /** Reason why the changes after `since` are not known: the caller lists the tree and goes on from `cursor`. */
  readonly resync?: 'expired' | 'restarted'
}

export interface ChangesQuestion {
  readonly since: string
  readonly waitSeconds: number
  /** True if the caller may not see everything: hidden changes are left out. */
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
