// Clients that send their headers slowly or not at all are cut when their time is up (H-01); the real figures
// are those of header-time.slow.test.ts.

import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { openFixture } from '../conformance/server/fixture.ts'
import { openFrontDoor } from '../support/front-door.ts'
import { untilSlowHeadersAreCut } from '../support/slow-headers.ts'

const HEADER_TIME = { mostMs: 200, checkMs: 50 }

t.test('H-01 slow headers are cut, and other clients are answered meanwhile', async (t) => {
  await using server = await openFrontDoor(openFixture(), { headerTime: HEADER_TIME })
  const { port } = server.address
  const served = async () => t.equal((await fetch(`http://127.0.0.1:${port}/nothing`)).status, 404)
  await untilSlowHeadersAreCut(t, { port, count: 50 }, served)
  await served()
})

t.test('H-01 a client whose headers came too slowly is told so', async (t) => {
  await using server = await openFrontDoor(openFixture(), { headerTime: HEADER_TIME })
  const socket = connect(server.address.port, '127.0.0.1')
  let told = ''
  socket.setEncoding('latin1').on('data', (text: string) => (told += text))
  socket.write('GET /health HTTP/1.1\r\nHost: ')
  await once(socket, 'close')
  t.match(told, /^HTTP\/1\.1 408 /)
})
