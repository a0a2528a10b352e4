// Parses the bytes that read(2) of an inotify descriptor returns. Pure.

import { EVENT } from '../../native/inotify.ts'
import { nameOfBytes } from './tree.ts'

export interface WatchEvent {
  /** Watch descriptor of the directory; -1 for the notice that events were lost. */
  readonly wd: number
  readonly mask: number
  /** Number that the two halves of a move share; 0 for other events. */
  readonly cookie: number
  /** Name of the entry, as tree.ts spells it; empty if the event is about the directory itself. */
  readonly name: string
}

/** Returns the events in the first `length` bytes. */
export function parseEvents(bytes: Buffer, length: number): WatchEvent[] {
  const events: WatchEvent[] = []
  for (let at = 0; at + EVENT.name <= length;) {
    const start = at + EVENT.name
    const next = start + bytes.readUInt32LE(at + EVENT.length)
    const nul = bytes.indexOf(0, start)
    events.push({
      wd: bytes.readInt32LE(at + EVENT.wd),
      mask: bytes.readUInt32LE(at + EVENT.mask),
      cookie: bytes.readUInt32LE(at + EVENT.cookie),
      name: next === start ? '' : nameOfBytes(bytes, start, nul < 0 || nul > next ? next : nul),
    })
    at = next
  }
  return events
}
