// Finds clients that have gone or do not read. Counts ticks of the hub's clock, not time, so that clients are still
// alive after the machine slept (C-04). A client that answers no ping is dead after 45 s; one that answers but reads
// nothing for 60 s is stalled (protocol.md#websocket, X-06). Also answers the pings of clients.

import type { WebSocket } from 'ws'

/** Ticks until a ping, until a silent client is dead, until it is stalled; the hub counts one a second. */
export const PING_TICKS = 15
export const DEAD_TICKS = 45
export const STALL_TICKS = 60

export interface Liveness {
  /** Notes that the client sent a frame. */
  heard(): void
  ponged(payload: Buffer): void
  /** Notes that the kernel took so many of the bytes sent. */
  took(bytes: number): void
  /** Sends a ping; its answer proves that all earlier frames have arrived. `awaits(id)` is true until then. */
  awaitPong(id: number): void
  awaits(id: number): boolean
  /** Counts a tick. `unacknowledged`: ticks for which output has waited for an acknowledgement. */
  tick(unacknowledged: number): 'dead' | 'stalled' | undefined
}

export function openLiveness(socket: WebSocket): Liveness {
  /** Number of the ping that must be answered, by terminal id. */
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
      // Bytes left at the last tick mean that the kernel's buffers are full: only a client that reads makes them fewer.
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

/** Pings a minute that are accepted; clients send a few. */
const PINGS_A_MINUTE = 1_000
const MINUTE_MS = 60_000

/** Returns a counter of events, which returns true once there were more than `most` within a minute. */
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

/**
 * Returns the function that answers a client's pings, to be called with each payload. Not every ping gets a pong
 * one is on its way and the newest waits (RFC 6455 5.5.3 asks for no more). Calls `tooMany` above
 * PINGS_A_MINUTE.
 */
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
