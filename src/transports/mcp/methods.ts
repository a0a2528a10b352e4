// The methods of /mcp: for each its name, the eras that have it, and what it answers. The engine looks
// methods up here and knows none by name.

import type { Log } from '../../base/log.ts'
import type { Caller } from '../../caller.ts'
import { MODERN_VERSIONS, type Era } from './era.ts'
import { badParams } from './errors.ts'
import type { Answer, Exchange, Method } from './exchange.ts'
import { openListeners } from './listen.ts'
import type { Registry } from './registry.ts'
import { completionMethods, promptMethods, resourceMethods } from './shelf-methods.ts'
import { LOG_LEVELS } from './talk.ts'

export interface ServerInfo {
  readonly name: string
  readonly title?: string
  readonly version: string
}

export interface MethodParts {
  readonly serverInfo: ServerInfo
  readonly registry: Registry
  readonly log?: Log
  /** Read anew for each caller. */
  readonly instructions: (caller: Caller) => string | undefined | Promise<string | undefined>
  /** Aborted when the daemon stops: streams that would stay open end. */
  readonly stopping: AbortSignal
}

const HANDSHAKE: readonly Era[] = ['bare', 'legacy']
const ALL: readonly Era[] = ['bare', 'legacy', 'modern']

export function openMethods(parts: MethodParts): ReadonlyMap<string, Method> {
  const { registry, stopping } = parts
  const { tools } = registry
  const listeners = openListeners(registry.changes, stopping)
  return new Map<string, Method>([
    ...handshakeMethods(parts),
    [
      'tools/list',
      {
        eras: ALL,
        cached: 'list',
        run: (exchange) => {
          // All tools fit on one page, so no cursor was ever given out.
          if (exchange.params['cursor'] !== undefined) return badParams('cursor is not one that this server gave out')
          return { result: { tools: tools.list(exchange) } }
        },
      },
    ],
    ['tools/call', { eras: ALL, long: true, run: (exchange) => tools.call(exchange) }],
    ...promptMethods(registry),
    ...resourceMethods(registry),
    ...completionMethods(registry),
    ['subscriptions/listen', { eras: ['modern'], run: (exchange) => listeners.listen(exchange) }],
  ])
}

function handshakeMethods(parts: MethodParts): readonly (readonly [string, Method])[] {
  const { serverInfo, registry } = parts
  const instructed = async (caller: Caller): Promise<object> => {
    const instructions = await parts.instructions(caller)
    return instructions === undefined ? {} : { instructions }
  }
  const initialize = async ({ params, speaker, caller }: Exchange): Promise<Answer> => {
    const wanted = params['protocolVersion']
    if (wanted !== undefined && typeof wanted !== 'string') return badParams('protocolVersion is not a string')
    const capabilities = registry.capabilities(speaker.era)
    return { result: { protocolVersion: speaker.version, capabilities, serverInfo, ...(await instructed(caller)) } }
  }
  const discover = async ({ speaker, caller }: Exchange): Promise<Answer> => ({
    result: {
      supportedVersions: MODERN_VERSIONS,
      capabilities: registry.capabilities(speaker.era),
      ...(await instructed(caller)),
    },
  })
  const setLevel = ({ params }: Exchange): Answer =>
    LOG_LEVELS.includes(String(params['level']))
      ? { result: {} }
      : badParams(`level is not one of ${LOG_LEVELS.join(', ')}`)
  return [
    ['initialize', { eras: HANDSHAKE, run: initialize }],
    ['ping', { eras: HANDSHAKE, run: () => ({ result: {} }) }],
    // Nothing is kept between requests, so the level has no effect; clients ask for it all the same.
    ['logging/setLevel', { eras: HANDSHAKE, run: setLevel }],
    ['server/discover', { eras: ['modern'], cached: 'list', run: discover }],
  ]
}
