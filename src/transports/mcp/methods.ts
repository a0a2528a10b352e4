// The methods of /mcp: for each its name, the eras that have it, and what it answers. The engine looks
// methods up here and knows none by name.

import type { Caller } from '../../caller.ts'
import type { Gate } from '../../invoke.ts'
import { MODERN_VERSIONS, takesStructured, type Era, type Speaker } from './era.ts'
import { handlerRefusal, RPC, type Refusal } from './errors.ts'
import type { Params, RequestId } from './json-rpc.ts'
import type { Outlet } from './outlet.ts'
import type { Progress } from './progress.ts'
import { callTool } from './tool-call.ts'
import type { Tools } from './tool-listing.ts'

/** One request, as its handler sees it. */
export interface Exchange {
  readonly id: RequestId
  readonly params: Params
  readonly speaker: Speaker
  readonly caller: Caller
  readonly requestId: string
  /** What goes ahead of the answer. */
  readonly outlet: Outlet
  /** Undefined where the caller did not ask for it. */
  readonly progress: Progress | undefined
  /** Aborted when the caller cancels in the way its era has for that. */
  readonly signal: AbortSignal
}

export type Answer = { readonly result: object } | { readonly refusal: Refusal }

export interface Method {
  readonly eras: readonly Era[]
  /** Modern results of this method say how long they may be kept. */
  readonly cached?: true
  /** May take a while: its answer can be a stream, with progress. */
  readonly long?: true
  run(exchange: Exchange): Answer | Promise<Answer>
}

export interface ServerInfo {
  readonly name: string
  readonly title?: string
  readonly version: string
}

export interface MethodParts {
  readonly serverInfo: ServerInfo
  readonly tools: Tools
  readonly gate: Gate
  /** Read anew for each caller. */
  readonly instructions: () => string
}

const HANDSHAKE: readonly Era[] = ['bare', 'legacy']
const ALL: readonly Era[] = ['bare', 'legacy', 'modern']

/** Only what is served is declared: no list changes, no logging, no resources yet. */
const CAPABILITIES = { tools: {} } as const

export function openMethods(parts: MethodParts): ReadonlyMap<string, Method> {
  const { serverInfo, tools, gate, instructions } = parts
  return new Map<string, Method>([
    [
      'initialize',
      {
        eras: HANDSHAKE,
        run: ({ params, speaker }) => {
          const wanted = params['protocolVersion']
          if (wanted !== undefined && typeof wanted !== 'string') return badParams('protocolVersion is not a string')
          const protocolVersion = speaker.version
          return { result: { protocolVersion, capabilities: CAPABILITIES, serverInfo, instructions: instructions() } }
        },
      },
    ],
    ['ping', { eras: HANDSHAKE, run: () => ({ result: {} }) }],
    [
      'server/discover',
      {
        eras: ['modern'],
        cached: true,
        run: () => ({
          result: { supportedVersions: MODERN_VERSIONS, capabilities: CAPABILITIES, instructions: instructions() },
        }),
      },
    ],
    [
      'tools/list',
      {
        eras: ALL,
        cached: true,
        run: ({ params, caller, speaker }) => {
          // All tools fit on one page, so no cursor was ever given out.
          if (params['cursor'] !== undefined) return badParams('cursor is not one that this server gave out')
          return { result: { tools: tools.list(caller, takesStructured(speaker)) } }
        },
      },
    ],
    ['tools/call', { eras: ALL, long: true, run: (exchange) => callTool(exchange, tools, gate) }],
  ])
}

function badParams(sentence: string): Answer {
  return { refusal: handlerRefusal(RPC.invalidParams, sentence) }
}
