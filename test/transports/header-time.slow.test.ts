// Clients that send their headers slowly or not at all: the real figures, which nobody can shorten (reliability H-01).

import { connect } from 'node:net'
import t from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

t.test('H-01 slow headers are cut, and nobody else notices', async (t) => {
  const daemon = await startDaemon(t)
  let open = 0
  const sockets = Array.from({ length: 200 }, () => {
    const socket = connect(daemon.port, '127.0.0.1', () => {
      open++
      socket.write('G')
    })
    return socket
      .resume()
      .on('error', () => undefined)
      .on('close', () => open--)
  })
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  await until('all are connected', () => open === sockets.length)
  t.equal((await daemon.call('GET', '/health')).status, 200)
  await until('all are closed', () => open === 0)
  t.equal((await daemon.call('GET', '/health')).status, 200)
})
