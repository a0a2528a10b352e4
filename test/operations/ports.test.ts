// GET /ports against real sockets of this test and the daemon's own.

import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { HS256, jwtOf } from '../support/jwt.ts'
import { join } from 'node:path'

async function listening(t: Test, host: string): Promise<number> {
  const server: Server = createServer().listen(0, host)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port // of a TCP server
}

t.test('listening ports with their processes', async (t) => {
  const secret = join(t.testdir({ secret: Buffer.from(HS256).toString('latin1') }), 'secret')
  const daemon = await startDaemon(t, { config: { jwt: { secret_file: secret } } })
  const four = await listening(t, '127.0.0.1')
  const every = await listening(t, '0.0.0.0')
  const { status, body } = await daemon.call('GET', '/ports')
  t.equal(status, 200)
  t.match(body, { success: true, count: body.ports.length })
  const at = (port: number) => body.ports.find((one: { port: number }) => one.port === port)
  const self = { family: 'ipv4', uid: process.getuid?.(), pid: process.pid, process: String, command: /ports\.test/ }
  t.match(at(four), { ...self, address: '127.0.0.1', loopback: true })
  t.match(at(every), { ...self, address: '0.0.0.0', loopback: false })
  t.notOk('own' in at(four))
  t.match(at(daemon.port), { pid: daemon.pid, address: '127.0.0.1', own: true })
  const ports = body.ports.map((one: { port: number }) => one.port)
  t.strictSame(
    ports,
    ports.toSorted((a: number, b: number) => a - b),
  )

  const as = (scope: string) => ({
    authorization: `Bearer ${jwtOf({ exp: Math.floor(Date.now() / 1000) + 600, scope })}`,
  })
  t.equal((await daemon.call('GET', '/ports', undefined, as('proxy'))).status, 200)
  t.match(await daemon.call('GET', '/ports', undefined, as('files:read')), { status: 403, body: { code: 'forbidden' } })
})

t.test('on IPv6', async (t) => {
  const server = createServer().listen(0, '::1')
  const outcome = await Promise.race([once(server, 'listening'), once(server, 'error')])
  if (outcome.length > 0) return t.comment('no IPv6 here')
  t.teardown(() => server.close())
  const daemon = await startDaemon(t)
  const { port } = server.address() as AddressInfo
  const { body } = await daemon.call('GET', '/ports')
  const found = body.ports.find((one: { port: number }) => one.port === port)
  t.match(found, { address: '::1', family: 'ipv6', loopback: true, pid: process.pid })
})
