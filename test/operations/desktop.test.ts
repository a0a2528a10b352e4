// The desktop as the first release has it (protocol.md#desktop): a status that says no, 501 for the rest, at the root
// alone; the page takes its token from the address and nothing else does.

import { once } from 'node:events'
import { Runtime } from 'oblien/runtime'
import t from 'tap'
import { WebSocket } from 'ws'
import { startDaemon, TOKEN } from '../support/daemon.ts'

const STATUS = { supported: false, enabled: false, available: false, credentials: false, transports: [] }

t.test('over the SDK', async (t) => {
  const daemon = await startDaemon(t)
  const { desktop } = new Runtime({ token: TOKEN, baseUrl: daemon.url })
  t.strictSame(await desktop.status(), { success: true, ...STATUS })
  const refused = { status: 501, code: 'not_supported' }
  await t.rejects(desktop.enable(), refused)
  await t.rejects(desktop.disable(), refused)
  await t.rejects(desktop.credentials(), refused)
  await t.rejects(desktop.tunnel({ port: 0 }), /does not provide a desktop/)

  const page = await fetch(desktop.url())
  t.equal(page.status, 501, 'the token of the address counts')
  t.match(await page.json(), { success: false, code: 'not_supported' })
  t.notMatch(daemon.stderr(), TOKEN)
})

t.test('every route, after the credential and at the root alone', async (t) => {
  const daemon = await startDaemon(t)
  const routes = ['POST /desktop/enable', 'POST /desktop/disable', 'GET /desktop/credentials', 'GET /desktop', 'GET /desktop/sessions', 'POST /desktop/sessions', 'GET /desktop/sessions/console', 'PATCH /desktop/sessions/ds_0123456789abcdef', 'DELETE /desktop/sessions/console', 'POST /desktop/sessions/console/start', 'POST /desktop/sessions/console/stop', 'GET /desktop/sessions/console/status'] // prettier-ignore
  for (const route of routes) {
    const [method = '', path = ''] = route.split(' ')
    t.match(await daemon.call(method, path), { status: 501, body: { code: 'not_supported' } }, route)
    t.equal((await fetch(daemon.url + path, { method })).status, 401, `${route} of a stranger`)
    const below = await daemon.call(method, `/runtimes/local${path}`)
    t.match(below, { status: 404, body: { code: 'not_found' } }, `${route} below /runtimes`)
  }
  t.equal((await daemon.call('GET', '/runtimes/default/desktop/status')).status, 404)
  t.equal((await daemon.call('GET', '/runtimes/local/runtimes')).status, 404)
  t.equal((await daemon.call('GET', '/runtimes/local/runtime')).status, 200)
})

t.test('?token= counts for the page only', async (t) => {
  const daemon = await startDaemon(t)
  const status = async (path: string, method = 'GET') => (await fetch(daemon.url + path, { method })).status
  t.equal(await status(`/desktop?token=${TOKEN}`), 501)
  t.equal(await status(`/desktop?token=${TOKEN}`, 'HEAD'), 501)
  t.equal(await status('/desktop?token=wrong'), 401)
  t.equal(await status(`/desktop?token=${TOKEN}&token=${TOKEN}`), 400)
  for (const path of ['/desktop/status', '/desktop/credentials', '/runtimes/local/desktop', '/files']) {
    t.equal(await status(`${path}?token=${TOKEN}`), 401, path)
  }
  const both = await fetch(`${daemon.url}/desktop?token=wrong`, { headers: { authorization: `Bearer ${TOKEN}` } })
  t.equal(both.status, 401, 'every credential that is presented must be valid')
})

t.test('the socket', async (t) => {
  const daemon = await startDaemon(t)
  const refusal = async (path: string, headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }) => {
    const socket = new WebSocket(`ws://127.0.0.1:${daemon.port}${path}`, ['binary'], { headers })
    socket.on('error', () => undefined)
    const [, response] = await once(socket, 'unexpected-response')
    return response.statusCode as number
  }
  t.equal(await refusal('/desktop/ws'), 501)
  t.equal(await refusal('/desktop/sessions/console/ws'), 501)
  t.equal(await refusal('/desktop/ws', {}), 401)
  t.equal(await refusal('/runtimes/local/desktop/ws'), 404)
})
