// Clients that begin a request and send nothing more.

import { connect } from 'node:net'
import type { Owner } from './own-directory.ts'
import { until } from './until.ts'

/** Opens so many, and waits until the other side has closed them all. `meanwhile` runs once they are connected. */
export async function untilSlowHeadersAreCut(
  t: Owner,
  { port, count }: { readonly port: number; readonly count: number },
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  let connected = 0
  let closed = 0
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(port, '127.0.0.1', () => {
      connected++
      socket.write('G')
    })
    return socket
      .resume()
      .on('error', () => undefined)
      .on('close', () => closed++)
  })
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  await until('all are connected', () => connected === count)
  await meanwhile()
  await until('all are closed', () => closed === count)
}
