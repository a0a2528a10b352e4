// Frames as they stand on the wire: bytes come whole out of buffers that are used again and again.

import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { EventStream, type Frame } from '../../src/operation.ts'
import { rendered, sendStream } from '../../src/transports/event-stream.ts'

const SIZES = [0, 1, 2, 3, 12_287, 12_288, 12_289, 65_535, 65_536, 72_704, 72_705, 300_000]

function frames(): Frame[] {
  const few = SIZES.map((size): Frame => ({ event: size % 2 === 0 ? 'stdout' : 'stderr', bytes: filled(size) }))
  return [{ event: 'task_id', data: { task_id: '1' } }, ...few, ...few, ...few]
}

function filled(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + size) % 256)
}

t.test('every frame arrives as it is rendered alone, whatever its size', async (t) => {
  async function* source(): AsyncGenerator<Frame> {
    yield* frames()
  }
  const server = createServer((_, response) => {
    void sendStream(response, new EventStream('sse', source()), { headers: {}, ignored: [] })
  })
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const wanted = frames().map((frame) => rendered('sse', frame))
  t.equal(Buffer.concat(chunks).toString(), wanted.join(''))
})
