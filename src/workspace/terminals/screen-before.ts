// Computes the state of a terminal's screen before a byte of its output, from the last state that was kept and the
// output since. It looks at one slice at most, 64 KiB; of a complete output, at most at what is left of it.

import type { KeptState } from '../../threads/terminal/kept-states.ts'
import { preludeOf } from '../../threads/terminal/prelude.ts'
import type { History } from '../../threads/terminal/ring.ts'
import { freshScreen, resizeScreen, type ScreenState } from '../../threads/terminal/screen-state.ts'
import { ScreenTracker } from '../../threads/terminal/screen-tracker.ts'
import type { WindowSize } from '../../native/pty.ts'

/** Returns the state. Takes over `from`, whose offset is not behind the one wanted. */
export function screenBefore(
  history: History,
  offset: number,
  from: KeptState | undefined,
  { cols, rows }: WindowSize,
): ScreenState {
  const tracker = new ScreenTracker(from?.state ?? freshScreen(cols, rows))
  for (let at = from?.offset ?? 0; at < offset;) {
    const bytes = history.view(at, offset - at)
    if (bytes.byteLength === 0) break
    tracker.feed(bytes)
    at += bytes.byteLength
  }
  const { state } = tracker
  if (state.cols !== cols || state.rows !== rows) resizeScreen(state, cols, rows)
  return state
}

/** Returns what a client gets before output from `offset` on: nothing before the first byte. */
export function preludeBefore(...[history, offset, from, window]: Parameters<typeof screenBefore>): Buffer {
  return offset === 0 ? Buffer.alloc(0) : preludeOf(screenBefore(history, offset, from, window))
}
