// The proxy's waits for an application (L-07), short enough for a test, and the end of a credential whose tunnel is
// open. The test has a server with the proxy alone.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Caller } from '../../../src/caller.ts'
import { Fault } from '../../../src/base/fault.ts'
import { openProxy, type Proxy } from '../../../src/transports/proxy/proxy.ts'
import { openBytes } from '../../support/application.ts'
import { until } from '../../support/until.ts'

/** Waits that shall pass. */
const SHORT = { connectMs: 300, firstByteMs: 300 }
/** Waits that must not pass, even on a busy machine. */
const LONG = { connectMs: 60_000, firstByteMs: 2_000 }
const FORM = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'

// The tests only wait, so they run in parallel.
t.jobs = 6

interface Behind {
  readonly port: number
  readonly proxy: Proxy
  /** Returns the number of calls inside the gate. */
  readonly inside: () => number
}

async function openServer(t: Test, waits = SHORT, expiresAt?: number): Promise<Behind> {
  let inside = 0
  const gate = {
    enter: () => {
      inside++
      return () => void inside--
    },
  } as unknown as Parameters<typeof openProxy>[0] // the proxy uses no other part
  const proxy = openProxy(gate, waits)
  const caller: Caller = { id: 'x', scopes: 'all', expiresAt }
  const server = createServer((request, response) => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const exchange = { request, response, query: new URLSearchParams(), caller, requestId: '', headers: {} }
    proxy.answer({ ...exchange, signal: gone.signal }).catch((error: unknown) => {
      response.statusCode = error instanceof Fault ? error.status : 500
      response.end(String(error))
    })
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    proxy.upgrade(request, { socket, head, caller, query: new URLSearchParams() }).catch((error: unknown) => {
      socket.end(`HTTP/1.1 ${error instanceof Fault ? error.status : 500} Refused\r\n\r\n`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    proxy[Symbol.dispose]()
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, proxy, inside: () => inside }
}

t.test('L-07 an application that accepts and hangs: 504, over HTTP and over an upgrade', async (t) => {
  const { port, inside } = await openServer(t)
  let open = 0
  const silent = await openBytes(t, (socket) => {
    open++
    socket
      .resume()
      .once('end', () => socket.end())
      .once('close', () => open--)
  })
  t.equal((await fetch(`http://127.0.0.1:${port}/proxy/${silent}/`)).status, 504)
  t.equal((await fetch(`http://127.0.0.1:${port}/proxy/${silent}/`, { method: 'POST', body: 'x' })).status, 504)
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET /proxy/${silent}/ HTTP/1.1\r\nHost: x\r\n${FORM}\r\n`)
  t.match(String(((await once(socket, 'data')) as [Buffer])[0]), /^HTTP\/1\.1 504 /)
  socket.destroy()
  await until('nothing stays', () => open === 0 && inside() === 0)
})

t.test('L-07 the wait begins when the body has been sent, and a client that pauses is not cut', async (t) => {
  const { port } = await openServer(t, LONG)
  const counting = await openBytes(t, (socket) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (text.endsWith('0\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from('x'))
      await pause(LONG.firstByteMs * 1.2)
      controller.enqueue(Buffer.from('x'))
      controller.close()
    },
  })
  const url = `http://127.0.0.1:${port}/proxy/${counting}/`
  const reply = await fetch(url, { method: 'POST', body, duplex: 'half' })
  t.equal(await reply.text(), 'ok')
})

t.test('L-07 an application that reads nothing of a body: 504', async (t) => {
  const { port } = await openServer(t)
  const stuck = await openBytes(t, (socket) => socket.pause())
  const body = Buffer.alloc(64 * 1024 * 1024)
  const reply = await fetch(`http://127.0.0.1:${port}/proxy/${stuck}/`, { method: 'POST', body }).catch(() => undefined)
  t.ok(reply === undefined || reply.status === 504)
})

t.test('L-07 an answer that has begun may pause as long as it likes', async (t) => {
  const { port } = await openServer(t, LONG)
  const slow = await openBytes(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
      setTimeout(() => socket.end('data: 1\n\n'), LONG.firstByteMs * 1.2)
    })
  })
  t.equal(await (await fetch(`http://127.0.0.1:${port}/proxy/${slow}/`)).text(), 'data: 1\n\n')
})

t.test('a tunnel ends a minute after its credential', async (t) => {
  const app = await openBytes(t, (socket) => socket.once('data', () => socket.write(SWITCH)))
  const opened = async ({ port }: Behind) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET /proxy/${app}/ HTTP/1.1\r\nHost: x\r\n${FORM}\r\n`)
    await once(socket, 'data')
    return socket
  }
  const lasting = await openServer(t, LONG, Date.now() - 1_000)
  const ending = await openServer(t, LONG, Date.now() - 61_000)
  const kept = await opened(lasting)
  const cut = await opened(ending)
  t.equal(ending.proxy.tunnels, 1)
  await once(cut.resume(), 'close')
  await until('it is over', () => ending.proxy.tunnels === 0 && ending.inside() === 0)
  t.equal(lasting.proxy.tunnels, 1, 'within the minute it goes on')
  kept.destroy()
})
