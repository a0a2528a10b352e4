// Clients that send their headers slowly or not at all meet the real figures of the daemon (H-01).

import t from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { untilSlowHeadersAreCut } from '../support/slow-headers.ts'

t.test('H-01 slow headers are cut, and nobody else notices', async (t) => {
  const daemon = await startDaemon(t)
  const served = async () => t.equal((await daemon.call('GET', '/health')).status, 200)
  await untilSlowHeadersAreCut(t, { port: daemon.port, count: 200 }, served)
  await served()
})
