// A wall clock that goes back and forth while commands have timeouts and sockets are open: what waits
// does so by the monotonic clock, what is dated by tokens follows the wall. Clocks are moved with libfaketime, never
// the machine's own. That a jump is logged is clock-jump.slow.test.ts's.

import { createHmac } from 'node:crypto'
import { existsSync, globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const [LIBRARY = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
const NO_FAKETIME = existsSync(LIBRARY) ? false : 'needs libfaketime'
const SECRET = 's'.repeat(64)

/** Valid for `seconds` from now on, by this machine's clock. */
function jwt(seconds: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'someone', iat: now, exp: now + seconds })}`
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`
}

t.test('A-08 a clock that strobes: timeouts, sockets and tokens', { skip: NO_FAKETIME }, async (t) => {
  const directory = t.testdir({ clock: '+0', secret: SECRET })
  const clock = join(directory, 'clock')
  const set = (offset: string): void => writeFileSync(clock, offset)
  const env = {
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  const config = {
    jwt: { secret_file: join(directory, 'secret'), algorithms: ['HS256'] },
    exec: { env: { LD_PRELOAD: '' } },
  }
  const daemon = await startDaemon(t, { env, config })
  const socket = new WebSocket(`ws://127.0.0.1:${daemon.port}/ws`, { headers: { authorization: `Bearer ${TOKEN}` } })
  let closed: number | undefined
  socket.on('close', (code) => (closed = code))
  await until('the socket is open', () => socket.readyState === socket.OPEN)
  const began = performance.now()
  const expired = daemon.call('POST', '/exec', { command: ['sleep', '900'], timeout_seconds: 3 })
  const long = await daemon.call('POST', '/exec', { command: ['sleep', '900'], timeout_seconds: 600, background: true })
  const strobe = new AbortController()
  const strobing = (async () => {
    for (let turn = 0; !strobe.signal.aborted; turn++) {
      set(turn % 2 === 0 ? '+262' : '-262')
      await pause(50)
    }
  })()
  t.match((await expired).body, { timed_out: true })
  const took = performance.now() - began
  // A wait by the wall would be over at the first step forward, or last as long as the steps back.
  t.ok(took > 2900 && took < 250_000, `a timeout of 3 s: ${took.toFixed(0)} ms`)
  strobe.abort()
  await strobing
  t.match((await daemon.call('GET', `/exec/${long.body.id}`)).body, { status: 'running' })
  t.equal(closed, undefined, 'the socket lives')

  const as = async (token: string) =>
    (await daemon.call('GET', '/runtime', undefined, { authorization: `Bearer ${token}` })).status
  const token = jwt(600)
  set('+3600')
  t.equal(await as(token), 401, 'an hour later it has expired')
  set('-3600')
  t.equal(await as(jwt(601)), 401, 'an hour before it was made')
  set('+0')
  t.equal(await as(token), 200, 'and once the clock is right it is good')
  await daemon.call('DELETE', `/exec/${long.body.id}`)
  socket.terminate()
  t.equal(await daemon.stop(), 0)
})
