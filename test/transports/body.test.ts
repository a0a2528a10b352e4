// The room that bodies share is taken until the request has been worked on, and of a streamed one little comes before
// it is asked for (protocol.md#limits).

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Fault } from '../../src/base/fault.ts'
import { BodyRoom } from '../../src/transports/body-room.ts'
import { readBody, streamBody } from '../../src/transports/body.ts'
import { PieceQueue } from '../../src/transports/piece-queue.ts'
import { rawExchange } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

/** Reads each body with a room of the credential that its header names; gives back what the test says. */
async function openReader(t: Test, rules = { most: 64 * MIB }) {
  const rooms: BodyRoom[] = []
  const server = createServer((request, response) => {
    const room = new BodyRoom(String(request.headers['x-caller'] ?? 'one'))
    rooms.push(room)
    readBody(request, room, rules).then(
      (bytes) => response.end(createHash('sha256').update(bytes).digest('hex')),
      (error: unknown) => {
        room[Symbol.dispose]()
        response.writeHead(error instanceof Fault ? error.status : 500, { connection: 'close' }).end()
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const room of rooms) room[Symbol.dispose]()
    server.close().closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const begin = (headers: Record<string, string | number>) => {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    const outgoing = send({ port, method: 'POST', headers }, (response) => resolve(response.resume().statusCode))
    outgoing.once('error', reject)
    promise.catch(() => undefined)
    return { outgoing, answer: promise }
  }
  const post = async (bytes: number, caller = 'one'): Promise<number | undefined> => {
    const { outgoing, answer } = begin({ 'x-caller': caller, 'content-length': bytes })
    outgoing.end(Buffer.alloc(bytes))
    return await answer
  }
  return { rooms, port, begin, post }
}

t.test('what has arrived takes room until it is given back, and no longer', async (t) => {
  const { rooms, post } = await openReader(t)
  t.equal(await post(40 * MIB), 200)
  t.equal(await post(30 * MIB), 503, 'the first has been read, and is still worked on')
  t.equal(await post(30 * MIB, 'two'), 200, 'another credential has a share of its own')
  rooms[0]?.[Symbol.dispose]()
  rooms[0]?.[Symbol.dispose]()
  t.equal(await post(30 * MIB), 200)
})

t.test('what is announced takes no room, and short bodies have a room of their own', { timeout: 30_000 }, async (t) => {
  const { rooms, begin, post } = await openReader(t)
  for (const caller of ['one', 'two']) {
    for (let i = 0; i < 4; i++) {
      const { outgoing } = begin({ 'x-caller': caller, 'content-length': 64 * MIB })
      outgoing.on('error', () => undefined).write('x')
    }
  }
  await until('all of them have begun', () => rooms.length === 8)
  t.equal(await post(60 * MIB), 200, 'a long one beside eight that only announce')
  t.equal(await post(60 * MIB, 'two'), 200)
  t.equal(await post(20 * MIB, 'three'), 503, 'the room of the long ones is full')
  t.equal(await post(30, 'three'), 200)
  t.equal(await post(256 * 1024), 200, 'a short one of a credential whose share of it is used up')
})

t.test('a body of pieces of one byte is read whole', { timeout: 30_000 }, async (t) => {
  const { port } = await openReader(t)
  const body = randomBytes(150_000)
  const chunks = Buffer.concat([...body].map((byte) => Buffer.from([0x31, 13, 10, byte, 13, 10])))
  const head = 'POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n'
  const reply = await rawExchange(port, Buffer.concat([Buffer.from(head), chunks, Buffer.from('0\r\n\r\n')]))
  t.match(reply.text, createHash('sha256').update(body).digest('hex'))
})

t.test('a long body that trickles ends with 408, a short one has more patience', { timeout: 30_000 }, async (t) => {
  const { begin } = await openReader(t, { most: 64 * MIB, paceMs: 300 } as { most: number })
  const long = begin({ 'content-length': 64 * MIB })
  const short = begin({ 'content-length': 4096 })
  const trickle = setInterval(() => {
    long.outgoing.write(Buffer.alloc(256))
    if (!short.outgoing.writableEnded) short.outgoing.write(Buffer.alloc(256))
  }, 20)
  t.teardown(() => clearInterval(trickle))
  t.equal(await long.answer, 408)
  const still = begin({ 'content-length': 100 })
  still.outgoing.write('x')
  t.equal(await still.answer, 408, 'one that stands still')
  clearInterval(trickle)
  short.outgoing.destroy()
})

t.test('pieces that wait are joined where they are tiny, and come out as they went in', async (t) => {
  const queue = new PieceQueue()
  const sent: Buffer[] = []
  for (let i = 0; i < 3000; i++) {
    const chunk = randomBytes(i % 1000 === 0 ? 20_000 : 1 + (i % 7))
    sent.push(chunk)
    queue.add(chunk)
  }
  const taken: Buffer[] = []
  for (let piece = queue.take(); piece !== undefined; piece = queue.take()) taken.push(Buffer.from(piece))
  t.ok(Buffer.concat(taken).equals(Buffer.concat(sent)))
  t.ok(taken.length < 20, `${taken.length} pieces`)
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
