// Raw bytes of any length pass through without staying (2 GiB are in the benchmark).

import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import t from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { anonymousGrowth, anonymousRise } from '../support/growth.ts'

const MiB = 1024 * 1024
const DOSES = { small: 64 * MiB, large: 512 * MiB }
/** A daemon that keeps what passes through keeps all of it. */
const MOST = 64 * MiB

function* zeros(bytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(256 * 1024, 'zero')
  for (let sent = 0; sent < bytes; sent += chunk.byteLength) yield chunk
}

async function put(daemon: Daemon, path: string, bytes: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const url = `${daemon.url}/files/raw?path=${encodeURIComponent(path)}`
  const sent = request(url, { method: 'PUT', headers: { authorization: `Bearer ${TOKEN}` } }, (response) => {
    response.resume().on('end', () => resolve(response.statusCode ?? 0))
  })
  await pipeline(Readable.from(zeros(bytes)), sent)
  if ((await promise) !== 201) throw new Error('the file was not written')
}

async function get(daemon: Daemon, path: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const url = `${daemon.url}/files/raw?path=${encodeURIComponent(path)}`
  request(url, { headers: { authorization: `Bearer ${TOKEN}` } }, (response) => {
    let bytes = 0
    response.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
    response.on('error', reject).on('end', () => resolve(bytes))
  }).end()
  return await promise
}

t.test('512 MiB through PUT and GET', async (t) => {
  const daemon = await startDaemon(t)
  const path = join(daemon.directory, 'large')
  const written = await anonymousRise(daemon.pid, DOSES, (bytes) => put(daemon, path, bytes))
  t.equal((await stat(path)).size, 512 * MiB)
  const read = await anonymousGrowth(daemon.pid, async () => t.equal(await get(daemon, path), 512 * MiB))
  t.comment(`PUT +${(written / MiB).toFixed(1)} MiB, GET +${(read / MiB).toFixed(1)} MiB`)
  t.ok(written < MOST, 'written')
  t.ok(read < MOST, 'read')
  let mixed = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    if (chunk.byteLength === 65_536 && !chunk.equals(Buffer.alloc(65_536, 'zero'))) mixed++
  }
  t.equal(mixed, 0)
  await rm(path)
})
