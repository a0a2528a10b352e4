// A caller's place among the changes of one watcher (protocol.md#watchers): opaque to the caller, and so made that one
// from before a restart is told from one that was never given out (W-08).

import { Fault, quote } from '../../base/fault.ts'

export interface Place {
  /** Of the daemon's life: other lives have other changes. */
  readonly life: string
  readonly watcher: string
  /** Number of the next change. */
  readonly next: number
}

const FORM = /^([0-9a-f]{12})-([0-9]{1,15})-([0-9]{1,15})$/

export function cursorOf({ life, watcher, next }: Place): string {
  return `${life}-${watcher}-${next}`
}

/** The cursor of the same caller, so many changes earlier. */
export function cursorBefore(cursor: string, changes: number): string {
  const place = parseCursor(cursor)
  return cursorOf({ ...place, next: place.next - changes })
}

/** The place a cursor means; throws `bad_request` for what is none. */
export function parseCursor(cursor: string): Place {
  const [, life, watcher, next] = FORM.exec(cursor) ?? []
  if (life === undefined || watcher === undefined || next === undefined) {
    throw badCursor(cursor, 'is not a cursor; accepted is the `cursor` of an earlier answer')
  }
  return { life, watcher, next: Number(next) }
}

export function badCursor(cursor: string, sentence: string): Fault {
  return new Fault('bad_request', `since: ${quote(cursor)} ${sentence}`, { details: { field: 'since' } })
}
