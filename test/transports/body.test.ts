// The room that bodies share is taken until the request has been worked on, and of a streamed one little comes before
// it is asked for (contract 18, "Memory").

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Fault } from '../../src/base/fault.ts'
import { BodyRoom, readBody, streamBody } from '../../src/transports/body.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

t.test('what is read takes room until it is given back, and no longer', async (t) => {
  const rooms: BodyRoom[] = []
  const server = createServer((request, response) => {
    const room = new BodyRoom()
    rooms.push(room)
    readBody(request, room, 64 * MIB).then(
      () => response.end(),
      (error: unknown) => {
        room[Symbol.dispose]()
        response.writeHead(error instanceof Fault ? error.status : 500, { connection: 'close' }).end()
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  const post = async (bytes: number): Promise<number | undefined> => {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    const outgoing = send({ port: (server.address() as AddressInfo).port, method: 'POST' }, (response) => {
      resolve(response.resume().statusCode)
    })
    outgoing.once('error', reject).end(Buffer.alloc(bytes))
    return await promise
  }
  using others = new BodyRoom()
  t.ok(others.take(127 * MIB))
  t.equal(await post(MIB / 2), 200)
  t.equal(await post(MIB), 503, 'the first has been read, and is still worked on')
  rooms[0]?.[Symbol.dispose]()
  rooms[0]?.[Symbol.dispose]()
  t.equal(await post(MIB), 200)
  t.equal(await post(1), 503)
})

t.test('of a streamed body at most half a MiB comes before it is asked for, and all of it after', async (t) => {
  const arrived = Promise.withResolvers<IncomingMessage>()
  const server = createServer((request) => arrived.resolve(request))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const sent = Buffer.alloc(16 * MIB, 'a body of which each part looks different').map((byte, at) => byte ^ (at >> 12))
  const outgoing = send({ port: (server.address() as AddressInfo).port, method: 'PUT' })
  outgoing.once('error', () => undefined).end(sent)
  const request = await arrived.promise
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of streamBody(request)) {
    if (size === 0) {
      await until('the body is held back', () => request.isPaused())
      const { bytesRead } = request.socket
      // What the parser had been given when it was told to stop, and what the stream itself holds, come with it.
      t.ok(bytesRead > MIB / 4 && bytesRead < MIB, `${bytesRead} bytes were read`)
    }
    hash.update(chunk)
    size += chunk.byteLength
  }
  t.equal(size, sent.byteLength)
  t.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'))
})
