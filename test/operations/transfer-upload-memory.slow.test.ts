// Archives of any size pass through without staying (2 GiB are in the benchmark).

import { randomBytes } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { type Daemon, startDaemon, TOKEN } from '../support/daemon.ts'
import { anonymousGrowth, anonymousRise } from '../support/growth.ts'
import { END, header } from '../support/tar-writer.ts'

const MiB = 1024 * 1024

/** From source each thread strips types with a compiler of its own; the executable needs half as much. */
const LEFT_BYTES = 128 * MiB

/** An archive of one file, in the form that `packed` gives it; of gzip each MiB is a member of its own. */
function* archiveOf(mebibytes: number, packed: (bytes: Buffer) => Buffer): Generator<Buffer> {
  const content = packed(Buffer.concat([randomBytes(MiB / 2), Buffer.alloc(MiB / 2, 'text')]))
  yield packed(header({ name: 'large', size: mebibytes * MiB }))
  for (let sent = 0; sent < mebibytes; sent++) yield content
  yield packed(END)
}

async function upload(daemon: Daemon, dest: string, archive: Iterable<Buffer>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const url = `${daemon.url}/files/transfer/upload?dest=${encodeURIComponent(dest)}`
  const sent = request(url, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } }, (response) => {
    response.resume().on('end', () => resolve(response.statusCode ?? 0))
  })
  await pipeline(Readable.from(archive), sent)
  if ((await promise) !== 200) throw new Error('the archive was not unpacked')
}

t.test('512 MiB of gzip and of plain tar', async (t) => {
  const daemon = await startDaemon(t)
  const dest = join(daemon.directory, 'dest')
  for (const [name, packed] of [
    ['gzip', (bytes: Buffer) => gzipSync(bytes, { level: 1 })],
    ['plain', (bytes: Buffer) => bytes],
  ] as const) {
    const rise = await anonymousRise(daemon.pid, { small: 64, large: 512 }, (mebibytes) =>
      upload(daemon, dest, archiveOf(mebibytes, packed)),
    )
    t.comment(`${name} +${(rise / MiB).toFixed(1)} MiB`)
    t.equal((await stat(join(dest, 'large'))).size, 512 * MiB)
    t.ok(rise < 64 * MiB, name)
  }
  await rm(dest, { recursive: true })
})

t.test('many small archives, four at a time: what their threads free does not add up', async (t) => {
  const daemon = await startDaemon(t, { config: { files: { durable: false } } })
  const dest = join(daemon.directory, 'dest')
  const archive = gzipSync(Buffer.concat([header({ name: 'small', size: 0 }), END]))
  const lane = async (): Promise<void> => {
    for (let i = 0; i < 12; i++) await upload(daemon, dest, [archive])
  }
  const grown = await anonymousGrowth(daemon.pid, () => Promise.all([lane(), lane(), lane(), lane()]))
  t.comment(`+${(grown / MiB).toFixed(1)} MiB`)
  t.ok(grown < LEFT_BYTES, 'glibc, left alone, keeps more and more of it')
})
