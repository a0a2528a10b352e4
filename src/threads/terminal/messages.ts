// The messages between the main thread and the terminal reader. The reader waits in poll(2), so a message to it is
// followed by a byte into a pipe that it polls. The cells of `control` keep either side from saying twice what the
// other has not heard yet.

import type { LastCall } from '../../native/last-call.ts'

export interface ReaderStart {
  /** The reading end of the pipe. */
  readonly wake: number
  /** Int32 cells as below. */
  readonly control: SharedArrayBuffer
  readonly lastCall: LastCall
}

export const CONTROL_BYTES = 16
/** 1: a byte is in the pipe. */
export const WOKEN = 0
/** 1: news have been posted and not been looked at. */
export const NEWS = 1
/** 1: the thread has to end. */
export const STOP = 2

/** `line` numbers a terminal for this purpose alone; it is never used twice. */
export type ToReader =
  | { readonly type: 'add'; readonly line: number; readonly master: number; readonly shared: SharedArrayBuffer }
  /** The program has ended: a hang-up is the end from now on. */
  | { readonly type: 'finish'; readonly line: number }
  /** Another process holds the terminal: the bytes there now are the last. */
  | { readonly type: 'cut'; readonly line: number }

export type FromReader =
  /** The thread runs: sent once, first. */
  | { readonly type: 'up' }
  /** Some ring has more bytes. */
  | { readonly type: 'news' }
  /** The master will not be touched any more, and may be closed. */
  | { readonly type: 'over'; readonly line: number }
