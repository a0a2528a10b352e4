// Applications of the workspace, for tests of the proxy: servers on a port of loopback that answer as the test says and
// keep the requests. One of them sends bytes as they are, for answers that no server library would give.

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

/** The parts of a request that an echo answers. */
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

/** Hands the bytes of each connection to the test. */
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

/** Answers each request with these bytes, once its head has come. */
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
