// Adds a credential to requests, since the suite cannot send one, and changes nothing else: the suite relies on Host
// and Origin arriving as it wrote them.

import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface BearerProxy extends AsyncDisposable {
  readonly url: string
  /** Origins of its pages. */
  readonly origins: readonly string[]
  /** Sends all requests to this port from now on. */
  target(port: number): void
}

export async function openBearerProxy(token: string): Promise<BearerProxy> {
  let port = 0
  const server = createServer((incoming, outgoing) => {
    const headers = [...incoming.rawHeaders, 'Authorization', `Bearer ${token}`]
    const sent = request({
      host: '127.0.0.1',
      port,
      path: incoming.url,
      method: incoming.method,
      headers,
      setHost: false,
    })
    sent.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.rawHeaders)
      outgoing.flushHeaders()
      response.pipe(outgoing)
    })
    sent.on('error', () => outgoing.destroy())
    outgoing.on('close', () => sent.destroy())
    incoming.pipe(sent)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port: own } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${own}/mcp`,
    origins: [`http://127.0.0.1:${own}`, `http://localhost:${own}`],
    target: (to) => void (port = to),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
