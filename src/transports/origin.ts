// Names and pages by which a request may come (protocol.md#origins; H-08, H-09): guards against DNS rebinding and
// cross-site requests. admit.ts asks. Pure.

import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

export interface OriginRules {
  /** Origins of `cors.origins`; "*" admits all. */
  readonly origins: readonly string[]
  readonly allowedHosts: readonly string[]
  /** Address that the daemon is bound to. */
  readonly bound: string
  /** Port that it listens on, for its own loopback origins. */
  readonly port: number
}

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Returns null if the Host headers are accepted, else the sentence that says why not. */
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

/** Returns the name in a Host header in lower case; undefined if it is malformed. */
function hostName(host: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(host)
  if (match === null || Number(match[2] ?? 0) > 65535) return undefined
  return match[1]?.toLowerCase()
}

/** Returns the host by which this machine reaches an address that is listened on, as it stands in a URL. */
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

/** Headers a page may send and read (protocol.md#cors; MCP 2026-07-28, transports). */
const ALLOWED_HEADERS =
  'Authorization, Content-Type, Accept, Range, If-Match, If-None-Match, If-Range, Content-Digest, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID, X-MCP-Format, X-MCP-Toolsets, X-MCP-Readonly, X-MCP-Max-Result-Bytes, X-MCP-Cancel-On-Close'
const EXPOSED_HEADERS =
  'WWW-Authenticate, Mcp-Session-Id, X-Request-Id, ETag, Last-Modified, Accept-Ranges, Content-Range, Content-Disposition, Content-Length, Retry-After'

/** Returns CORS headers for an allowed origin; the credential is a header, never a cookie. */
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

/**
 * Returns the further headers of an allowed preflight. `ofApplication`: we do not know which methods and headers an
 * application takes, so all that are asked for are allowed. A browser asks before a page of a public address may reach
 * a private one (Private Network Access).
 */
export function preflightHeaders(asked: IncomingHttpHeaders, ofApplication: boolean): Readonly<Record<string, string>> {
  return {
    ...(asked['access-control-request-private-network'] === 'true' && {
      'access-control-allow-private-network': 'true',
    }),
    ...(ofApplication && {
      'access-control-allow-methods': asked['access-control-request-method'] ?? '',
      'access-control-allow-headers': asked['access-control-request-headers'] ?? '',
    }),
  }
}
