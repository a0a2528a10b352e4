// The room that bodies share is taken until the request has been worked on (contract 18, "Memory").

import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Fault } from '../../src/base/fault.ts'
import { BodyRoom, readBody } from '../../src/transports/body.ts'

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
