// What is asked of every request before its credential: does it come by a name and from a page that we serve, is it
// a preflight, is it a probe that must not be led on? (protocol.md#origins; H-08, H-09.) What goes to an
// application through the proxy is for the application to judge, but for the name and preflights (protocol.md#origins).

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../base/fault.ts'
import { corsHeaders, hostsOf, originAllowed, originMatters, refuseHost, type OriginRules } from './origin.ts'
import { isProxied } from './proxy/target.ts'
import { answerOfServer, asksOfServer, refuseTarget } from './request-target.ts'

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
