// What a workspace's users do, through the gateway of deploy/gateway as nginx runs it: npm oblien, MCP clients whose
// calls outlast their patience, a terminal on a WebSocket and 200 MB each way, all at once; and what a page of another
// origin is told. gateway-tokens.slow.test.ts is about who gets in.

import { createHash, randomBytes } from 'node:crypto'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Runtime } from 'oblien/runtime'
import t, { type Test } from 'tap'
import { longCalls } from '../../scripts/conformance/long-calls.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { claimsFor, NO_GATEWAY, openGateway, type Gateway } from '../support/gateway.ts'
import { HS256, jwtOf } from '../support/jwt.ts'
import { until } from '../support/until.ts'
import { view } from '../support/viewer.ts'

const MEBIBYTE = 1024 * 1024
const BYTES = 200 * MEBIBYTE
const ORIGIN = 'https://app.example' // nginx.conf has it as its example

interface Desk {
  readonly daemon: Daemon
  readonly gateway: Gateway
  readonly token: string
  readonly rt: Runtime
}

async function open(t: Test): Promise<Desk> {
  const secret = join(t.testdir({}), 'jwt.key')
  writeFileSync(secret, HS256)
  const daemon = await startDaemon(t, { config: { jwt: { secret_file: secret }, cors: { origins: [ORIGIN] } } })
  const gateway = await openGateway(t, { ports: [daemon.port] })
  const token = jwtOf(claimsFor(daemon.port))
  return { daemon, gateway, token, rt: new Runtime({ token, baseUrl: gateway.url }) }
}

async function useSdk(t: Test, { daemon, rt, gateway }: Desk): Promise<void> {
  t.equal(await rt.health(), true)
  const fullPath = join(daemon.directory, 'von weit her', 'ä b.txt')
  t.match(await rt.files.write({ fullPath, content: 'α\n', createDirs: true }), { success: true })
  t.match(await rt.files.read({ filePath: fullPath }), { content: 'α\n' })
  t.match(await rt.exec.run(['sh', '-c', 'echo out; exit 3']), { exit_code: 3, stdout: 'out\n' })
  await t.rejects(rt.files.read({ filePath: '/does/not/exist' }), { name: 'NotFoundError', status: 404 })
  const stranger = new Runtime({ token: jwtOf(claimsFor(daemon.port)) + 'x', baseUrl: gateway.url })
  await t.rejects(stranger.info(), { name: 'AuthenticationError', status: 401, code: 'unauthorized' })
  const lost = new Runtime({ token: jwtOf(claimsFor(daemon.port, { ip: '10.0.0.1' })), baseUrl: gateway.url })
  await t.rejects(lost.info(), { status: 403, code: 'forbidden' })
}

async function useTerminal(t: Test, { daemon, gateway, token, rt }: Desk): Promise<void> {
  const { id } = await rt.terminal.create({ cmd: ['sh'] })
  const viewer = await view(t, `wss://127.0.0.1:${gateway.port}/ws`, '&mode=shared', { token })
  viewer.type(Number(id), 'echo six-$((6 * 7))\n')
  await until('its answer', () => viewer.text(Number(id)).includes('six-42\r\n'))
  const ws = rt.ws({ reconnect: false, mode: 'shared' } as object)
  t.teardown(() => ws.close())
  let seen = ''
  ws.onTerminalOutput((_, bytes) => (seen += Buffer.from(bytes).toString())).connect()
  await until('what was printed before', () => seen.includes('six-42\r\n'))
  ws.writeTerminalInput(id, 'exit 7\n')
  t.match(await viewer.next('exit', Number(id)), { code: 7 })
  const refused = await view(t, `wss://127.0.0.1:${gateway.port}/ws`, '', { token: jwtOf({ exp: 1 }) }).catch(String)
  t.match(refused, /401/)
  t.notMatch(daemon.stderr() + gateway.log(), new RegExp(token.slice(-40)))
}

/** There and back; the gateway keeps none of it. */
async function useBytes(t: Test, { daemon, gateway, token }: Desk): Promise<void> {
  const piece = randomBytes(MEBIBYTE)
  const hash = createHash('sha256')
  async function* pieces() {
    for (let sent = 0; sent < BYTES; sent += piece.length) {
      piece.writeUInt32BE(sent)
      hash.update(piece)
      yield Buffer.from(piece)
    }
  }
  const file = join(daemon.directory, 'large')
  const url = `${gateway.url}/files/raw?path=${encodeURIComponent(file)}`
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
  const body = ReadableStream.from(pieces())
  const put = await fetch(url, { method: 'PUT', headers, body, duplex: 'half' })
  t.match([put.status, await put.json()], [201, { success: true, size: BYTES }])
  const expected = hash.digest('hex')
  t.equal(statSync(file).size, BYTES)
  const got = await fetch(url, { headers })
  const back = createHash('sha256')
  for await (const chunk of got.body ?? []) back.update(chunk)
  t.equal(back.digest('hex'), expected)
}

t.test('a workspace is used through the gateway', { skip: NO_GATEWAY }, async (t) => {
  const desk = await open(t)
  const calls = longCalls(new URL('/mcp?format=json', desk.gateway.url), desk.token)
  const rest = [useSdk(t, desk), useTerminal(t, desk), useBytes(t, desk)]
  const [outcomes] = await Promise.all([calls, ...rest])
  for (const { client, problem, notifications } of outcomes) {
    t.equal(problem, undefined, `${client}: 70 seconds, ${notifications} notifications`)
  }
  t.notMatch(desk.gateway.log(), /signal/, 'no worker has died')
})

t.test('a page of a listed origin is let in, of another is not', { skip: NO_GATEWAY }, async (t) => {
  const { gateway, token } = await open(t)
  const ask = (origin: string, init: { method: string; headers?: object }) =>
    fetch(`${gateway.url}/files/transfer/upload?dest=/`, { ...init, headers: { origin, ...init.headers } })
  const asking = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }
  const allowed = await ask(ORIGIN, { method: 'OPTIONS', headers: asking })
  t.equal(allowed.status, 204)
  t.equal(allowed.headers.get('access-control-allow-origin'), ORIGIN)
  t.match(allowed.headers.get('access-control-allow-headers'), /^Authorization, Content-Type,/)
  const other = await ask('https://other.example', { method: 'OPTIONS', headers: asking })
  t.equal(other.headers.get('access-control-allow-origin'), null)
  const refused = await ask(ORIGIN, { method: 'POST' })
  t.equal(refused.status, 401)
  t.equal(refused.headers.get('access-control-allow-origin'), ORIGIN, 'which may read why')
  const read = await fetch(`${gateway.url}/files/stat?path=/`, {
    headers: { origin: ORIGIN, authorization: `Bearer ${token}`, 'x-request-id': 'from-the-page-1' },
  })
  t.match(await read.json(), { success: true, type: 'directory' })
  t.equal(read.headers.get('access-control-allow-origin'), ORIGIN, 'by the daemon, once')
  // nginx writes the line after the answer has gone.
  const told = () =>
    gateway
      .log()
      .split('\n')
      .find((one) => one.includes('/files/stat') && one.endsWith('}'))
  await until('the line of nginx', () => told() !== undefined)
  t.match(JSON.parse(told() ?? '{}'), {
    request_id: 'from-the-page-1',
    target_request_id: read.headers.get('x-request-id'),
    status: '200',
  })
})
