// A request that is answered before its body is read: the connection ends with the answer, and the answer says so,
// or a client would send its next request where nobody reads it.

import t from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { rawExchange } from '../support/raw-http.ts'

t.test('H-15 refusals that come before the body', async (t) => {
  const daemon = await startDaemon(t)
  const begin = (line: string, type: string): string =>
    `${line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: ${type}\r\nContent-Length: 2\r\n\r\n{}`
  for (const [status, request] of [
    [415, begin('POST /mcp', 'text/plain')],
    [405, begin('PUT /mcp', 'application/json')],
    [404, begin('POST /nowhere', 'application/json')],
  ] as const) {
    const reply = await rawExchange(daemon.port, request)
    t.equal(reply.status, status)
    t.match(reply.text, /^connection: close\r$/im, `${status} says that the connection ends`)
  }
})
