// Archives of any size pass through a download without staying.

import { once } from 'node:events'
import { truncateSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { anonymousRise, MIB } from '../support/growth.ts'

/** How many bytes come. */
async function download(daemon: Daemon, path: string): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const sent = request(`${daemon.url}/files/transfer/download`, { method: 'POST', headers })
  sent.end(JSON.stringify({ paths: [path], format: 'tar' }))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length
  return bytes
}

t.test('2 GiB through a download: memory stays as it is', async (t) => {
  const daemon = await startDaemon(t)
  const rise = await anonymousRise(daemon.pid, { small: 128 * MIB, large: 2048 * MIB }, async (bytes) => {
    const file = join(daemon.directory, 'sparse')
    writeFileSync(file, '')
    truncateSync(file, bytes)
    t.ok((await download(daemon, file)) > bytes)
  })
  t.ok(rise <= 64 * MIB, `${Math.round(rise / MIB)} MiB more`)
})
