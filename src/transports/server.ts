// The HTTP server: `openServer(parts, rules)` listens and returns the address and the end. What a request meets is in
// answering.ts, an upgrade in upgrade.ts. One connection is answered one request at a time, and at most one in a turn
// of the loop, so that a client which sends many without waiting (pipelining) takes no more than its part of the
// daemon.

import { createServer, type Server, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { errnoOf } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import { openAnswering, type AnsweringParts, type AnsweringRules, type Handler } from './answering.ts'
import { refuseMalformed } from './connection-end.ts'
import { openConnections } from './connections.ts'
import { openHalfClosed } from './half-closed.ts'
import { HEADER_TIME, KEEP_ALIVE_MS, type HeaderTime } from './patience.ts'
import { asFault } from './reply.ts'
import { openUnderWay } from './under-way.ts'
import { isWebSocket, openUpgrades } from './upgrade.ts'

export type ServerParts = AnsweringParts

export interface ServerRules extends AnsweringRules {
  readonly host: string
  readonly port: number
  /** Descriptor of a socket that listens already and is not ours alone: used instead of host and port. */
  readonly descriptor?: number | undefined
  readonly origins: readonly string[]
  readonly allowedHosts: readonly string[]
  /** Connections at most at once. */
  readonly connections: number
  /** Replaces HEADER_TIME in tests. */
  readonly headerTime?: HeaderTime
}

export interface FrontDoor extends AsyncDisposable {
  readonly address: AddressInfo
  /** Stops taking new connections; open ones go on. */
  stopAccepting(): void
  /** Resolves with the number of open connections, sockets among them. */
  connections(): Promise<number>
}

export async function openServer(parts: ServerParts, rules: ServerRules): Promise<FrontDoor> {
  const server = newServer(rules.headerTime ?? HEADER_TIME)
  const origins = { origins: rules.origins, allowedHosts: rules.allowedHosts, bound: rules.host, port: rules.port }
  const connections = openConnections(rules.connections)
  const halfClosed = openHalfClosed()
  server.on('connection', (socket) => {
    connections.take(socket)
    socket.once('end', () => {
      if (connections.busy(socket)) halfClosed.watch(socket)
    })
  })
  const underWay = openUnderWay()
  const around = { origins, underWay, connections }
  const take = inTurns(neverRejecting(openAnswering(parts, rules, around), parts.log))
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, take)
  server.on('clientError', refuseMalformed)
  const upgrades = openUpgrades(parts, around, rules.accessLog)
  server.on('upgrade', upgrades.take)
  server.on('connect', upgrades.take) // Node would close it without an answer; its target is refused there
  await listen(server, rules)
  // A connection that could not be taken (no free descriptor) ends; the daemon does not (Z-01).
  server.on('error', (error) => parts.log.warn('connection_not_taken', { errno: errnoOf(error) }))
  const address = server.address() as AddressInfo
  origins.port = address.port
  // The owner of a socket that was handed over chose its address.
  if (rules.descriptor !== undefined) origins.bound = address.address
  return {
    address,
    stopAccepting() {
      server.close()
      server.closeIdleConnections()
    },
    connections: () => countOf(server),
    async [Symbol.asyncDispose]() {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve()) // called at once where stopAccepting has closed it already
      server.closeAllConnections()
      upgrades[Symbol.dispose]()
      underWay[Symbol.dispose]()
      connections[Symbol.dispose]()
      halfClosed[Symbol.dispose]()
      await promise
    },
  }
}

/** Ends an exchange whose refusal failed too; the daemon goes on. */
function neverRejecting(answer: Handler, log: Log): Handler {
  return async (request, response) => {
    try {
      await answer(request, response)
    } catch (error) {
      asFault(error, 'unknown', log)
      response.destroy()
    }
  }
}

function newServer(headerTime: HeaderTime): Server {
  const server = createServer({
    headersTimeout: headerTime.mostMs,
    requestTimeout: 0, // for long uploads and streams; body.ts watches the pace of bodies
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: headerTime.checkMs,
    maxHeaderSize: 16 * 1024,
    noDelay: true,
    optimizeEmptyRequests: true, // no stream is set up and ended for a body that was not announced
    insecureHTTPParser: false,
    shouldUpgradeCallback: isWebSocket, // any other upgrade (h2c) is declined by answering as usual
  })
  // A client that has closed its sending side still waits for its answer.
  return Object.assign(server, { httpAllowHalfOpen: true }) // a property of Node's server since its beginning
}

async function listen(server: Server, rules: ServerRules): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  const where = rules.descriptor === undefined ? { host: rules.host, port: rules.port } : { fd: rules.descriptor }
  server.listen({ ...where, backlog: 1024 }, resolve)
  await promise
  server.off('error', reject)
}

async function countOf(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  server.getConnections((error, count) => resolve(error === null ? count : 0))
  return await promise
}

interface Line {
  busy: boolean
  readonly waiting: (readonly [IncomingMessage, ServerResponse])[]
}

/** Requests of one connection that wait before reading stops; Node has read at most 64 KiB more by then. */
const MOST_WAITING = 16

/** Requests of all connections that are begun in one turn: other work waits no longer than for those. */
const MOST_IN_TURN = 8

/** Calls `answer`, which never rejects, for the requests of a connection one after another. */
function inTurns(answer: Handler): (request: IncomingMessage, response: ServerResponse) => void {
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
