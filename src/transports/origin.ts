// The first question of every request: does it come through a name and from a page we serve? Guards against
// DNS rebinding and cross-site requests (protocol.md#origins; H-08, H-09). Pure.

import { isIP } from 'node:net'
import { valuesOf } from './body.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../base/fault.ts'
import { isProxied } from './proxy/target.ts'
import { answerOfServer, asksOfServer, refuseTarget } from './request-target.ts'

export interface OriginRules {
  /** Origins of `cors.origins`; "*" admits all. */
  readonly origins: readonly string[]
  readonly allowedHosts: readonly string[]
  /** The address the daemon is bound to. */
  readonly bound: string
  /** The port it listens on, for its own loopback origins. */
  readonly port: number
}

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * The host that a request is for: of a target in absolute form the target's, which replaces the Host header (RFC 9112
 * 3.2.2), else what stands in the header; each value by itself.
 */
export function hostsOf(rawHeaders: readonly string[], target: string): readonly string[] {
  const hosts = valuesOf(rawHeaders, 'host')
  const [, authority] = /^https?:\/\/([^/?#]*)/i.exec(target) ?? []
  return authority === undefined || hosts.length !== 1 ? hosts : [authority]
}

/** Null if the Host headers are acceptable, else the sentence that says why not. */
export function refuseHost(hosts: readonly string[], rules: OriginRules): string | null {
  if (hosts.length !== 1) return `the request has ${hosts.length} Host headers; exactly one is accepted`
  const name = hostName(hosts[0] ?? '')
  if (name === undefined) return 'the Host header is not a host name with an optional port'
  const listed = rules.allowedHosts.some((allowed) => allowed.toLowerCase() === name)
  if (!isLoopback(rules.bound)) {
    if (rules.allowedHosts.length === 0 || listed) return null
    return `the host ${JSON.stringify(name)} is not on the list allowed_hosts`
  }
  if (listed || LOOPBACK_NAMES.has(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0) return null
  return `the host ${JSON.stringify(name)} is neither loopback, an IP address nor on the list allowed_hosts`
}

/** The name in a Host header, lower case, or undefined where it is malformed. */
function hostName(host: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(host)
  if (match === null || Number(match[2] ?? 0) > 65535) return undefined
  return match[1]?.toLowerCase()
}

/** Where an address that is listened on is reached from this machine, as a URL has it. */
export function reachable(address: string): string {
  const reached = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
  return reached.includes(':') ? `[${reached}]` : reached
}

export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}

/** True if a page of this origin may call us: a configured one, or the daemon's own loopback origin. */
export function originAllowed(origin: string, rules: OriginRules): boolean {
  if (rules.origins.includes('*')) return true
  if (origin === 'null') return false
  if (rules.origins.includes(origin)) return true
  return [...LOOPBACK_NAMES].some((name) => origin === `http://${name}:${rules.port}`)
}

/** Reads answer without regard to Origin (a browser keeps them from the page); what changes state does not. */
export function originMatters(method: string, path: string, upgrade: boolean): boolean {
  if (upgrade || path === '/mcp' || path === '/mcp/') return true
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

/** Headers a page may send and read (protocol.md#cors; MCP 2026-07-28, transports). */
const ALLOWED_HEADERS =
  'Authorization, Content-Type, Accept, Range, If-Match, If-None-Match, If-Range, Content-Digest, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID, X-MCP-Format, X-MCP-Toolsets, X-MCP-Readonly, X-MCP-Max-Result-Bytes, X-MCP-Cancel-On-Close'
const EXPOSED_HEADERS =
  'WWW-Authenticate, Mcp-Session-Id, X-Request-Id, ETag, Last-Modified, Accept-Ranges, Content-Range, Content-Disposition, Content-Length, Retry-After'

/** CORS headers for an allowed origin; the credential is a header, never a cookie. */
export function corsHeaders(origin: string, preflight: boolean): Readonly<Record<string, string>> {
  const base = {
    'access-control-allow-origin': origin,
    vary: 'Origin',
    'access-control-expose-headers': EXPOSED_HEADERS,
  }
  if (!preflight) return base
  return {
    ...base,
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE, HEAD',
    'access-control-allow-headers': ALLOWED_HEADERS,
    'access-control-max-age': '600',
  }
}

// What is asked of every request before its credential: does it come by a name and from a page that we serve, is it
// a preflight, is it a probe that must not be led on? (protocol.md#origins; H-08, H-09.) What goes to an
// application through the proxy is for the application to judge, but for the name and preflights (protocol.md#origins).

/**
 * What MCP clients ask after a 401 to find an authorization server: the well-known documents, with the path of the
 * endpoint behind them (RFC 8414 3.1, RFC 9728 3.1) or in front (OpenID Connect Discovery 4), and the default endpoints
 * of the revision 2025-03-26. An answer other than a JSON 404 leads them into OAuth, which is not there.
 */
const DISCOVERY = /(^|\/)\.well-known\/(oauth-authorization-server|oauth-protected-resource|openid-configuration)(\/|$)/
const DEFAULT_ENDPOINTS = new Set(['/register', '/authorize', '/token'])

function isOAuthProbe(path: string): boolean {
  return DEFAULT_ENDPOINTS.has(path) || DISCOVERY.test(path)
}

/** Request line, Host, Origin, preflight and probes. True if the request goes on; false if it is answered already. */
export function passEntrance(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  origins: OriginRules,
  headers: Record<string, string>,
): boolean {
  refuseTarget(request)
  const badHost = refuseHost(hostsOf(request.rawHeaders, request.url ?? ''), origins)
  if (badHost !== null) throw new Fault('forbidden', badHost, { details: { field: 'Host' } })
  const { origin } = request.headers
  const proxied = isProxied(path)
  if (origin !== undefined) {
    const allowed = originAllowed(origin, origins)
    const preflight = isPreflight(request) && !(proxied && request.headers.authorization !== undefined)
    // A preflight carries no credential, so this is the one answer that can tell the page's author what is missing.
    if (!allowed && (preflight || (!proxied && originMatters(request.method ?? '', path, false)))) {
      throw new Fault(
        'forbidden',
        `pages of the origin ${JSON.stringify(origin.slice(0, 200))} may not call; cors.origins names those that may`,
        {
          details: { field: 'Origin' },
        },
      )
    }
    if (allowed) Object.assign(headers, corsHeaders(origin, preflight))
    if (allowed && preflight) {
      Object.assign(headers, privateNetwork(request))
      if (proxied) Object.assign(headers, allowWhatIsAsked(request))
      response.writeHead(204, headers).end()
      return false
    }
  }
  if (asksOfServer(request)) {
    answerOfServer(response, headers)
    return false
  }
  if (!proxied && isOAuthProbe(path))
    throw new Fault('not_found', 'this daemon takes its own bearer tokens; it has no OAuth endpoints')
  return true
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

/** A browser asks before a page of a public address may reach a private one (Private Network Access). */
function privateNetwork({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  const asked = headers['access-control-request-private-network'] === 'true'
  return asked ? { 'access-control-allow-private-network': 'true' } : {}
}

/** Which methods and headers an application takes is not ours to know. */
function allowWhatIsAsked({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  return {
    'access-control-allow-methods': headers['access-control-request-method'] ?? '',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '',
  }
}
