// Answers to a client's pings, with a budget instead of one pong each: one pong is on its way
// and one waits, the newest (RFC 6455 5.5.3 asks for no more); too many pings in a minute end the socket.

import type { WebSocket } from 'ws'

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
