// Is this client still there, and does it take what it is sent? Counted in ticks of the hub's clock, not in
// time, so that a machine that slept finds its clients alive (C-04). A client that answers no ping
// is dead after 45 s; one that is heard but takes nothing for 60 s is stalled (protocol.md#websocket, X-06).

import type { WebSocket } from 'ws'

/** Of the ticks below; the hub makes one a second. */
export const PING_TICKS = 15
export const DEAD_TICKS = 45
export const STALL_TICKS = 60

export interface Liveness {
  /** A frame came. */
  heard(): void
  ponged(payload: Buffer): void
  /** The system took that much of what was sent. */
  took(bytes: number): void
  /** Sends a ping whose answer proves that everything sent before it has arrived; `awaits(id)` until then. */
  awaitPong(id: number): void
  awaits(id: number): boolean
  /** `unacknowledged`: ticks for which output has waited for an acknowledgement. */
  tick(unacknowledged: number): 'dead' | 'stalled' | undefined
}

export function openLiveness(socket: WebSocket): Liveness {
  /** Terminal id → number of the ping that must be answered. */
  const awaited = new Map<number, number>()
  let pings = 0
  let sincePing = 0
  let silent = 0
  let stalled = 0
  let taken = 0
  let takenAtTick = 0
  let leftAtTick = 0

  const ping = (): void => {
    sincePing = 0
    pings++
    if (socket.readyState === socket.OPEN) socket.ping(String(pings), false, () => undefined)
  }
  return {
    heard() {
      silent = 0
    },
    ponged(payload) {
      silent = 0
      const answered = Number(payload.toString('latin1'))
      for (const [id, number] of awaited) if (answered >= number) awaited.delete(id)
    },
    took(bytes) {
      taken += bytes
    },
    awaitPong(id) {
      ping()
      awaited.set(id, pings)
    },
    awaits: (id) => awaited.has(id),
    tick(unacknowledged) {
      // What was left at the last tick filled the system's buffers, so only a client that reads makes it less.
      const moved = taken > takenAtTick
      if (leftAtTick > 0 && moved) silent = 0
      else silent++
      stalled = leftAtTick > 0 && !moved ? stalled + 1 : 0
      takenAtTick = taken
      leftAtTick = socket.bufferedAmount
      if (silent >= DEAD_TICKS) return 'dead'
      if (Math.max(stalled, unacknowledged) >= STALL_TICKS) return 'stalled'
      if (++sincePing >= PING_TICKS) ping()
      return undefined
    },
  }
}

// Answers to a client's pings, with a budget instead of one pong each: one pong is on its way
// and one waits, the newest (RFC 6455 5.5.3 asks for no more); too many pings in a minute end the socket.

/** Pings a minute; clients send a few. */
const PINGS_A_MINUTE = 1_000
const MINUTE_MS = 60_000

/** Counts events; true once there were more than `most` within a minute. */
export function openMinuteBudget(most: number): () => boolean {
  let began = performance.now()
  let count = 0
  return () => {
    const now = performance.now()
    if (now - began >= MINUTE_MS) {
      began = now
      count = 0
    }
    return ++count > most
  }
}

/** Returns what to call with each ping's payload; `tooMany` is called where the budget is used up. */
export function openPongs(socket: WebSocket, tooMany: () => void): (payload: Buffer) => void {
  const overspent = openMinuteBudget(PINGS_A_MINUTE)
  let busy = false
  let waiting: Buffer | undefined

  const send = (payload: Buffer): void => {
    busy = true
    socket.pong(payload, false, () => {
      busy = false
      const next = waiting
      waiting = undefined
      if (next !== undefined && socket.readyState === socket.OPEN) send(next)
    })
  }
  return (payload) => {
    if (overspent()) tooMany()
    else if (busy) waiting = Buffer.from(payload)
    else send(payload)
  }
}
