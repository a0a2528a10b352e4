// What leaves ahead of an answer: notifications, and questions to clients of the older revisions. The engine
// speaks to this; reply-stream.ts is the one that writes to a socket.

import type { RequestId } from './json-rpc.ts'

/** An answer within this time, in ms, is plain JSON. */
export const LATE_MS = 1000

export interface Notification {
  readonly jsonrpc: '2.0'
  readonly method: string
  readonly params: object
}

/** A question of ours; its id is ours too. */
export interface Question extends Notification {
  readonly id: RequestId
}

export interface Outlet {
  /** False where this caller takes no event stream, or has left: nothing but the answer reaches it. */
  readonly streams: boolean
  /** From now on the answer may become a stream: it does when it takes longer than a second. */
  offer(): void
  /** Makes the answer a stream, at once. Nothing happens where the caller takes none. */
  open(): void
  /** Sends a message, opening the stream; false where it did not leave. */
  send(message: Notification): boolean
}

export function notification(method: string, params: object): Notification {
  return { jsonrpc: '2.0', method, params }
}
