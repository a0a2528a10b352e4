// Large bodies pass through the proxy both ways at the pace of the slower side, and memory stays flat.

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as begin, type IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { openApplication } from '../../support/application.ts'
import { startDaemon, TOKEN } from '../../support/daemon.ts'
import { anonymousRise, MIB } from '../../support/growth.ts'

/** Writes at the reader's pace; resolves with the digest of all bytes. */
async function pour(to: Writable, chunk: Buffer, count: number): Promise<string> {
  const sum = createHash('sha256')
  for (let at = 0; at < count; at++) {
    chunk.writeUInt32LE(at)
    sum.update(chunk)
    if (!to.write(Buffer.from(chunk))) await once(to, 'drain')
  }
  to.end()
  return sum.digest('hex')
}

/** Resolves with the digest of all bytes; pauses after each of the first `slow` pieces. */
async function drink(from: AsyncIterable<Buffer>, slow = 0): Promise<string> {
  const sum = createHash('sha256')
  for await (const part of from) {
    sum.update(part)
    if (--slow > 0) await pause(1)
  }
  return sum.digest('hex')
}

t.test('200 MB down and up at the pace of the slower side: every byte, and memory stays flat', async (t) => {
  const daemon = await startDaemon(t)
  const chunk = randomBytes(64 * 1024)
  let count = 0
  let sent: Promise<string> | undefined
  const app = await openApplication(t, {
    async request(request, response) {
      if (request.method === 'GET') sent = pour(response, chunk, count)
      else response.end(await drink(request, 500))
    },
  })
  const path = `/proxy/${app.port}/`
  const options = { port: daemon.port, host: '127.0.0.1', path, headers: { authorization: `Bearer ${TOKEN}` } }
  const rise = await anonymousRise(daemon.pid, { small: 320, large: 3_200 }, async (chunks) => {
    count = chunks
    const [reply] = (await once(begin(options).end(), 'response')) as [IncomingMessage]
    t.equal(await drink(reply, 500), await sent)
    const up = begin({ ...options, method: 'POST' })
    const answered = once(up, 'response')
    const poured = await pour(up, chunk, chunks)
    const [answer] = (await answered) as [IncomingMessage]
    t.equal(Buffer.concat(await Array.fromAsync(answer)).toString(), poured)
  })
  t.ok(rise < 48 * MIB, `${Math.round(rise / MIB)} MiB more`)
})
