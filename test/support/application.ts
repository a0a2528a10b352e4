// An application of the workspace, for tests of the proxy: a server on a port of loopback that does as the test says
// and keeps what it was asked. `bytes` is one that speaks by bytes, for answers that no server library would give.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createByteServer, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface Application {
  readonly port: number
  /** Requests, and upgrades too, that reached it. */
  readonly asked: IncomingMessage[]
}

interface Owner {
  teardown(handler: () => Promise<void>): unknown
}

export interface Behaviour {
  readonly request?: RequestListener
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly host?: string
  readonly port?: number
}

/** Listens until the test's end. Without `request` it answers what it saw, as JSON. */
export async function openApplication(t: Owner, behaviour: Behaviour = {}): Promise<Application> {
  const asked: IncomingMessage[] = []
  const { request: respond = echo, upgrade, host = '127.0.0.1', port = 0 } = behaviour
  const server = createServer((request, response) => {
    asked.push(request)
    respond(request, response)
  })
  if (upgrade !== undefined) {
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy())
      asked.push(request)
      upgrade(request, socket, head)
    })
  }
  server.listen(port, host)
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, asked }
}

/** What an echo tells of a request. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: readonly string[]
  readonly body: string
}

const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { method, url, rawHeaders: headers } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString('latin1') }))
  })
}

/** Each connection's bytes are the test's. */
export async function openBytes(t: Owner, take: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createByteServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket))
    take(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

/** Answers whatever comes with these bytes, once the head is there. */
export function answering(bytes: string | Uint8Array): (socket: Socket) => void {
  return (socket) => {
    socket.once('data', () => socket.end(bytes))
  }
}

/** A port that something has just stopped listening at. */
export async function closedPort(): Promise<number> {
  let stop: (() => Promise<void>) | undefined
  const { port } = await openApplication({ teardown: (handler: () => Promise<void>) => (stop = handler) })
  await stop?.()
  return port
}
