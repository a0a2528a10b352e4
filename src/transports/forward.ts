// Hands a request on to another daemon (contract 1, configured targets): same method, path below the prefix,
// body and reply streamed both ways. Our caller's credential stays here; the target gets its own. What goes through its
// proxy keeps its bytes and what applications need of a browser's headers.

import http, { type IncomingMessage } from 'node:http'
import { errnoOf, Fault } from '../base/fault.ts'
import type { RemoteTarget } from '../workspace/targets.ts'
import { askForBody } from './body.ts'
import { carry } from './proxy/flow.ts'
import { isProxied, targetBelow } from './proxy/target.ts'
import type { Exchange } from './rest.ts'

/** Headers of one connection, not of the message (RFC 9110 7.6.1), and those that we set ourselves. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'authorization',
  'expect',
])
/** Not for another daemon, but for the applications behind it. */
const FOR_APPLICATIONS: ReadonlySet<string> = new Set(['cookie', 'origin'])

const CONNECT_MS = 5_000

/** Resolves when the reply has been passed on; throws unavailable while nothing has been sent. */
export async function forward(remote: RemoteTarget, path: string, exchange: Exchange): Promise<void> {
  const { request, response, query } = exchange
  if (exchange.caller.scopes !== 'all') {
    // The target would see a credential of ours that allows everything.
    throw new Fault(
      'forbidden',
      'this credential is limited to some scopes, and other runtimes take unlimited ones only',
    )
  }
  const proxied = isProxied(path)
  const url = addressAt(remote, path, query)
  // Loaded only here: TLS takes a tenth of a start, and few daemons have such a target.
  const { request: begin } = url.protocol === 'https:' ? await import('node:https') : http
  const outgoing = begin(url, {
    method: request.method,
    ...(proxied ? { path: pathBelow(remote) + targetBelow(request.url ?? '') } : {}),
    headers: { ...kept(request.headers, proxied), authorization: `Bearer ${remote.token}` },
    signal: exchange.signal,
  })
  const connected = setTimeout(() => outgoing.destroy(new Error('no connection within 5 s')), CONNECT_MS)
  outgoing.once('socket', (socket) => socket.once('connect', () => clearTimeout(connected)))
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  outgoing.once('response', resolve).once('error', reject)
  askForBody(request)
  request.pipe(outgoing)
  try {
    const reply = await promise
    clearTimeout(connected)
    response.writeHead(reply.statusCode ?? 502, {
      ...kept(reply.headers, true),
      ...(proxied ? {} : exchange.headers), // an application's answer is its own
    })
    await carry(reply, response)
    response.end()
  } catch (error) {
    if (exchange.signal.aborted || response.destroyed) return
    const why = errnoOf(error) ?? (error instanceof Error ? error.message : String(error))
    throw new Fault('unavailable', `the runtime ${JSON.stringify(remote.id)} does not answer: ${why}`, {
      retryAfter: 5,
      cause: error,
    })
  } finally {
    clearTimeout(connected)
    outgoing.on('error', () => undefined).destroy()
  }
}

/** Always on the target and below its own path, whatever `path` is: `//elsewhere/` and `/..` are paths too. */
function addressAt(remote: RemoteTarget, path: string, query: URLSearchParams): URL {
  const url = new URL(remote.url)
  const base = pathBelow(remote)
  url.pathname = `${base}${path}`
  url.search = query.toString()
  if (
    climbs(path) ||
    !url.pathname.startsWith(`${base}/`) ||
    (isProxied(path) && !isProxied(url.pathname.slice(base.length)))
  ) {
    throw new Fault('not_found', `nothing is served at ${JSON.stringify(path.slice(0, 200))}`)
  }
  return url
}

/** `..%2f` is no way up for us or for the target, but for a front end between us that decodes before it routes. */
function climbs(path: string): boolean {
  const decoded = path.replaceAll(/%(2e|2f|5c)/gi, (code) => String.fromCodePoint(Number.parseInt(code.slice(1), 16)))
  return decoded.split(/[/\\]/).includes('..')
}

function pathBelow({ url }: RemoteTarget): string {
  return url.pathname.replace(/\/$/, '')
}

function kept(headers: IncomingMessage['headers'], forApplication: boolean): IncomingMessage['headers'] {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()))
  const dropped = (name: string): boolean =>
    DROPPED.has(name) || named.has(name) || (!forApplication && FOR_APPLICATIONS.has(name))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped(name)))
}
