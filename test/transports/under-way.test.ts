// What ends with a credential: a real server whose exchanges are under way when their caller is revoked.

import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Caller } from '../../src/caller.ts'
import { openUnderWay } from '../../src/transports/under-way.ts'
import { until } from '../support/until.ts'

function callerWith(end: AbortController | undefined): Caller {
  const revoked = end === undefined ? {} : { revoked: end.signal }
  return { id: 'x', scopes: 'all', expiresAt: undefined, ...revoked }
}

/** Begins an exchange for each request, with the head sent where the query says so. */
async function serve(t: { teardown(handler: () => void): unknown }, graceMs: number, callers: Map<string, Caller>) {
  const underWay = openUnderWay(graceMs)
  const responses: ServerResponse[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    underWay.begin(response, callers.get(searchParams.get('by') ?? '') ?? callerWith(undefined))
    if (searchParams.has('head')) response.writeHead(200, { 'x-path': pathname }).flushHeaders()
    responses.push(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
    underWay[Symbol.dispose]()
  })
  const { port } = server.address() as AddressInfo
  const ask = (path: string): (() => string) => {
    let state = 'open'
    const request = get({ port, path, agent: false }, (response: IncomingMessage) => {
      response.on('error', () => undefined).on('end', () => (state = 'whole'))
      response.resume()
    })
    request.on('error', () => undefined).on('close', () => (state = state === 'whole' ? state : 'cut'))
    return () => state
  }
  return { underWay, responses, ask }
}

t.test('streams are cut at once, answers that are still to come later, those of others never', async (t) => {
  const [end, other] = [new AbortController(), new AbortController()]
  const callers = new Map([
    ['old', callerWith(end)],
    ['new', callerWith(other)],
  ])
  const { underWay, responses, ask } = await serve(t, 300, callers)
  const stream = ask('/exec/stream?by=old&head')
  const proxied = ask('/proxy/80/mcp?by=old&head')
  const tool = ask('/mcp?by=old&head')
  const pending = ask('/exec?by=old')
  const others = [ask('/exec/stream?by=new&head'), ask('/exec/stream?by=jwt&head'), ask('/exec?by=new')]
  const quick = ask('/files?by=old')
  await until('all have come', () => responses.length === 8)
  end.abort()
  const last = responses.find(({ req }) => req.url === '/files?by=old')
  last?.end('here')
  if (last !== undefined) underWay.end(last)
  await until('streams are cut', () => stream() === 'cut' && proxied() === 'cut')
  await until('what could be answered was', () => quick() === 'whole')
  await until('the rest is cut after a while', () => pending() === 'cut' && tool() === 'cut')
  t.same(
    others.map((one) => one()),
    ['open', 'open', 'open'],
  )
})

t.test('one that was judged before and begins after ends as well', async (t) => {
  const end = new AbortController()
  const { responses, ask } = await serve(t, 50, new Map([['old', callerWith(end)]]))
  end.abort()
  const late = ask('/exec?by=old')
  await until('it has come', () => responses.length === 1)
  await until('it is cut', () => late() === 'cut')
  t.pass()
})
