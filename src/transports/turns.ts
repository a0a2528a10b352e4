// Requests that a client sends without waiting for the answers (pipelining). One connection is answered one request at
// a time and at most one in a turn of the loop, so that it takes no more than its part of the daemon; while many wait,
// nothing more is read from it.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>

interface Line {
  busy: boolean
  readonly waiting: (readonly [IncomingMessage, ServerResponse])[]
}

/** So many may wait before reading stops; what Node has read already comes on top, at most 64 KiB. */
const MOST_WAITING = 16

/** And so many of all connections together are begun in one turn, that nothing else waits longer than for those. */
const MOST_IN_TURN = 8

/** `answer` never rejects. */
export function inTurns(answer: Answer): (request: IncomingMessage, response: ServerResponse) => void {
  const lines = new WeakMap<Socket, Line>()
  const ready: (() => void)[] = []
  let turning = false
  const turn = (): void => {
    for (const go of ready.splice(0, MOST_IN_TURN)) go()
    turning = ready.length > 0
    if (turning) setImmediate(turn)
  }
  const later = (go: () => void): void => {
    ready.push(go)
    if (!turning) setImmediate(turn)
    turning = true
  }

  const begin = (line: Line, request: IncomingMessage, response: ServerResponse): void => {
    line.busy = true
    void answer(request, response).finally(() => {
      if (line.waiting.length === 0) line.busy = false
      else later(() => next(line, request.socket))
    })
  }
  const next = (line: Line, socket: Socket): void => {
    const [first] = line.waiting.splice(0, socket.destroyed ? line.waiting.length : 1)
    if (first === undefined || socket.destroyed) {
      line.busy = false
      return
    }
    if (line.waiting.length === 0) socket.resume()
    else if (line.waiting.length >= MOST_WAITING) socket.pause() // Node resumes by itself once a request is done
    begin(line, ...first)
  }

  return (request, response) => {
    const { socket } = request
    const line = lines.get(socket) ?? { busy: false, waiting: [] }
    lines.set(socket, line)
    if (!line.busy) return begin(line, request, response)
    line.waiting.push([request, response])
    if (line.waiting.length >= MOST_WAITING) socket.pause()
  }
}
