// The front door of requests and upgrades: the checks before anything is looked up or read for a stranger. In this
// order: the request line, Host, Origin (a preflight is answered), OAuth probes, the credential, the machine that is
// meant. `openAdmit(…)` returns the one function that checks; it throws a Fault, or returns the admitted caller, or the
// whole reply of a request that ends here. The query, which may hold a token, reaches no log.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Caller } from '../caller.ts'
import type { Place, Targets } from '../workspace/targets.ts'
import type { Connections } from './connections.ts'
import type { Credentials } from './credentials/credentials.ts'
import type { Entry } from './entries.ts'
import { corsHeaders, originAllowed, preflightHeaders, refuseHost, type OriginRules } from './origin.ts'
import { refusalOfStranger, type HttpReply } from './reply.ts'
import { ALLOW, asksOfServer, hostsOf, refuseTarget, takeToken } from './request-head.ts'
import type { UnderWay } from './under-way.ts'

/** A request or an upgrade whose caller is not known yet. */
export interface Arrival {
  readonly request: IncomingMessage
  /** Response; undefined for an upgrade. */
  readonly response: ServerResponse | undefined
  readonly requestId: string
  /** Path without the query, escapes kept. */
  readonly path: string
  readonly entry: Entry
  /** Query; the token is removed if it counts as a credential. */
  readonly query: URLSearchParams
  /** Headers of every reply; CORS headers are added. */
  readonly headers: Record<string, string>
}

export type Admitted = { readonly caller: Caller; readonly place: Place } | { readonly reply: HttpReply }

export type Admit = (arrival: Arrival) => Promise<Admitted>

export interface AdmitParts {
  readonly credentials: Pick<Credentials, 'judge'>
  readonly targets: Targets
  readonly log: Log
  /** Paths whose GET needs no credential. */
  readonly open: ReadonlySet<string>
}

export interface Surroundings {
  /** Returns the rules; called for each request, as the port is known once the server listens. */
  readonly origins: OriginRules
  readonly underWay: UnderWay
  readonly connections: Connections
}

/** Caller of an operation that is open to all. */
const STRANGER: Caller = { id: 'stranger', scopes: new Set(), expiresAt: undefined }

export function openAdmit({ credentials, targets, log, open }: AdmitParts, around: Surroundings): Admit {
  const { origins, underWay, connections } = around
  return async (arrival) => {
    const { request, response, requestId, path } = arrival
    const reply = atEntrance(arrival, origins)
    if (reply !== undefined) return { reply }
    if (response !== undefined && open.has(path) && isRead(request)) return { caller: STRANGER, place: { path } }
    const pending = credentials.judge(request, { queryToken: tokenOf(arrival) })
    const verdict = pending instanceof Promise ? await pending : pending
    if (!verdict.ok) {
      const { reason, status } = verdict
      log.warn('unauthorized', { request_id: requestId, reason, address: request.socket.remoteAddress, status })
      return { reply: refusalOfStranger(verdict, requestId) }
    }
    const { caller } = verdict
    if (response === undefined)
      connections.begin(request.socket) // for as long as it lives
    else underWay.begin(response, caller)
    connections.know(request.socket, caller)
    delete arrival.headers['connection'] // it would be a stranger's
    return { caller, place: targets.resolve(path) }
  }
}

/** Checks a request's origin; returns the reply of a request that needs no credential. */
function atEntrance({ request, response, path, entry, headers }: Arrival, origins: OriginRules): HttpReply | undefined {
  refuseTarget(request)
  const badHost = refuseHost(hostsOf(request.rawHeaders, request.url ?? ''), origins)
  if (badHost !== null) throw new Fault('forbidden', badHost, { details: { field: 'Host' } })
  const { origin } = request.headers
  const upgrade = response === undefined
  if (origin !== undefined) {
    const allowed = originAllowed(origin, origins)
    const preflight = !upgrade && isPreflight(request, entry)
    // A preflight carries no credential, so only this answer can tell the page's author what is missing.
    if (!allowed && (preflight || isClosed(request, entry, upgrade))) throw foreignPage(origin, upgrade)
    if (allowed && !upgrade) Object.assign(headers, corsHeaders(origin, preflight))
    if (allowed && preflight) {
      return { status: 204, headers: preflightHeaders(request.headers, entry.application === true) }
    }
  }
  if (upgrade) return undefined
  if (asksOfServer(request)) return { status: 204, headers: { allow: ALLOW } }
  if (entry.application !== true && isOAuthProbe(path))
    throw new Fault('not_found', 'this daemon takes its own bearer tokens; it has no OAuth endpoints')
  return undefined
}

/** True for a preflight of ours; the application answers one with a credential. */
function isPreflight({ method, headers }: IncomingMessage, entry: Entry): boolean {
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false
  return entry.application !== true || headers.authorization === undefined
}

/** True if Origin matters: not for reads of open paths, whose answers a browser itself keeps from the page. */
function isClosed(request: IncomingMessage, entry: Entry, upgrade: boolean): boolean {
  if (entry.application === true) return false
  return upgrade || entry.closedToPages === true || !(isRead(request) || request.method === 'OPTIONS')
}

function isRead({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD'
}

function foreignPage(origin: string, upgrade: boolean): Fault {
  const named = JSON.stringify(origin.slice(0, 200))
  const sentence = `pages of the origin ${named} may not ${upgrade ? 'connect' : 'call'}; cors.origins names those that may`
  return new Fault('forbidden', sentence, { details: { field: 'Origin' } })
}

/**
 * Paths that MCP clients ask after a 401 to find an authorization server: the well-known documents, with the path of
 * the endpoint behind them (RFC 8414 3.1, RFC 9728 3.1) or in front (OpenID Connect Discovery 4), and the default
 * endpoints of the revision 2025-03-26. An answer other than a JSON 404 leads them into OAuth, which is not there.
 */
const DISCOVERY = /(^|\/)\.well-known\/(oauth-authorization-server|oauth-protected-resource|openid-configuration)(\/|$)/
const DEFAULT_ENDPOINTS = new Set(['/register', '/authorize', '/token'])

function isOAuthProbe(path: string): boolean {
  return DEFAULT_ENDPOINTS.has(path) || DISCOVERY.test(path)
}

/** Returns the `?token=` that counts as a credential: of every upgrade, and of a page (protocol.md#auth). */
function tokenOf({ request, response, path, entry, query }: Arrival): string | undefined {
  if (response !== undefined)
    return entry.page === true && path === entry.path && isRead(request) ? takeToken(query) : undefined
  if (entry.application === true && request.headers.authorization !== undefined) {
    query.delete('token') // the application's, which reads the target as it came
    return undefined
  }
  return takeToken(query)
}
