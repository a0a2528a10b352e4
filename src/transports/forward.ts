// Hands a request on to another daemon (protocol.md#targets): same method, the path below the prefix, body and reply
// streamed. The caller's credential stays here; the target gets the token of the configuration. A request to an
// application behind the target's proxy keeps its bytes, and the browser's headers that applications need.

import http, { type IncomingMessage } from 'node:http'
import { errnoOf, Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Outcome } from '../base/tally.ts'
import type { Daemon } from '../daemon.ts'
import type { Admission, Gate } from '../invoke.ts'
import type { RemoteTarget } from '../workspace/targets.ts'
import { askForBody } from './body.ts'
import { carry } from './proxy/exchange.ts'
import { entryOf } from './entries.ts'
import { targetBelow } from './proxy/target.ts'
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
/** Headers that only the applications behind another daemon get. */
const FOR_APPLICATIONS: ReadonlySet<string> = new Set(['cookie', 'origin'])

/** Time in which the target must accept the connection. */
const CONNECT_MS = 5_000

/** The gate, the log and the tally in which a call of another runtime is counted. */
export interface Accounting {
  readonly gate: Gate
  readonly log: Log
  readonly daemon?: Daemon
}

/** Admission under one name for all calls: the other runtime counts them by the names of its operations. */
const ADMISSION: Admission = { name: 'runtime_forward', scope: 'none' }

/**
 * Forwards a request, which counts as a call of its caller as long as it lasts. Resolves when the reply has been passed
 * on. Throws unavailable while nothing has been sent, and what the gate throws.
 */
export async function forward(
  remote: RemoteTarget,
  path: string,
  exchange: Exchange,
  { gate, log, daemon }: Accounting,
): Promise<void> {
  const began = performance.now()
  let leave: (() => void) | undefined
  let outcome: Outcome = '5xx'
  try {
    refuseLimited(exchange)
    leave = gate.enter(ADMISSION, exchange.caller)
    await passOn(remote, path, exchange)
    outcome = outcomeOf(exchange.response.statusCode)
  } catch (error) {
    const fault = error instanceof Fault ? error : undefined
    if (fault !== undefined && !exchange.response.headersSent) outcome = outcomeOf(fault.status)
    if (fault?.code === 'unavailable' && leave !== undefined)
      log.warn('runtime_failed', { request_id: exchange.requestId, runtime: remote.id, reason: fault.message })
    throw error
  } finally {
    leave?.()
    if (exchange.signal.aborted) outcome = 'left'
    daemon?.calls.count(ADMISSION.name, 'rest', outcome, (performance.now() - began) / 1000)
  }
}

function outcomeOf(status: number): Outcome {
  return status >= 500 ? '5xx' : status >= 400 ? '4xx' : '2xx'
}

/** Throws forbidden for a caller with limited scopes: the target would see a token that allows everything. */
function refuseLimited({ caller }: Exchange): void {
  if (caller.scopes === 'all') return
  throw new Fault('forbidden', 'this credential is limited to some scopes, and other runtimes take unlimited ones only')
}

async function passOn(remote: RemoteTarget, path: string, exchange: Exchange): Promise<void> {
  const { request, response, query } = exchange
  const proxied = isOfApplication(path)
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

/** Returns an address on the target, below the path of its URL. `//elsewhere/` and `/..` are paths too, and refused. */
function addressAt(remote: RemoteTarget, path: string, query: URLSearchParams): URL {
  const url = new URL(remote.url)
  const base = pathBelow(remote)
  url.pathname = `${base}${path}`
  url.search = query.toString()
  if (
    climbs(path) ||
    !url.pathname.startsWith(`${base}/`) ||
    (isOfApplication(path) && !isOfApplication(url.pathname.slice(base.length)))
  ) {
    throw new Fault('not_found', `nothing is served at ${JSON.stringify(path.slice(0, 200))}`)
  }
  return url
}

function isOfApplication(path: string): boolean {
  return entryOf(path).application === true
}

/** True for `..%2f` and its like: no way up for us or the target, but for a front end between us that decodes first. */
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
