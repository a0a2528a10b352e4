// The methods of /mcp: for each its name, the eras that have it, and its answer. The engine finds methods here and
// knows none by name. Prompts, resources and completions come from the registry; their refusals are -32602 in every
// era, and data.uri names an address without a resource (2026-07-28, resources).

import type { Log } from '../../../base/log.ts'
import type { Caller } from '../../../caller.ts'
import { MODERN_VERSIONS, type Era } from './revision.ts'
import { badParams, handlerRefusal, RPC, isObject, type Params } from './json-rpc.ts'
import type { MethodAnswer, McpCall, Method, Registry, PromptOffer, ResourceOffer } from './registry.ts'
import type { Listeners } from './listen.ts'
import { LOG_LEVELS } from './asking.ts'

export interface ServerInfo {
  readonly name: string
  readonly title?: string
  readonly version: string
}

export interface MethodParts {
  readonly serverInfo: ServerInfo
  readonly registry: Registry
  readonly log?: Log
  /** Returns the instructions, read anew for each caller. */
  readonly instructions: (caller: Caller) => string | undefined | Promise<string | undefined>
  /** Aborted when the daemon stops: open streams end. */
  readonly stopping: AbortSignal
}

const HANDSHAKE: readonly Era[] = ['bare', 'legacy']
const ALL: readonly Era[] = ['bare', 'legacy', 'modern']

export function openMethods(parts: MethodParts, listeners: Listeners): ReadonlyMap<string, Method> {
  const { registry } = parts
  const { tools } = registry
  return new Map<string, Method>([
    ...handshakeMethods(parts),
    [
      'tools/list',
      {
        eras: ALL,
        cached: 'list',
        run: (exchange) => {
          // All tools fit on one page, so the server never gave out a cursor.
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
  const initialize = async ({ params, speaker, caller }: McpCall): Promise<MethodAnswer> => {
    const wanted = params['protocolVersion']
    if (wanted !== undefined && typeof wanted !== 'string') return badParams('protocolVersion is not a string')
    const capabilities = registry.capabilities(speaker.era)
    return { result: { protocolVersion: speaker.version, capabilities, serverInfo, ...(await instructed(caller)) } }
  }
  const discover = async ({ speaker, caller }: McpCall): Promise<MethodAnswer> => ({
    result: {
      supportedVersions: MODERN_VERSIONS,
      capabilities: registry.capabilities(speaker.era),
      ...(await instructed(caller)),
    },
  })
  const setLevel = ({ params }: McpCall): MethodAnswer =>
    LOG_LEVELS.includes(String(params['level']))
      ? { result: {} }
      : badParams(`level is not one of ${LOG_LEVELS.join(', ')}`)
  return [
    ['initialize', { eras: HANDSHAKE, run: initialize }],
    ['ping', { eras: HANDSHAKE, run: () => ({ result: {} }) }],
    // No level is kept between requests, so the method has no effect; clients call it all the same.
    ['logging/setLevel', { eras: HANDSHAKE, run: setLevel }],
    ['server/discover', { eras: ['modern'], cached: 'list', run: discover }],
  ]
}

/** Values of one completion (every revision: at most 100). */
const MOST_VALUES = 100

function promptMethods({ prompts }: Registry): readonly (readonly [string, Method])[] {
  const list = async (exchange: McpCall): Promise<MethodAnswer> => {
    // All prompts fit on one page, so the server never gave out a cursor.
    if (exchange.params['cursor'] !== undefined) return badCursor()
    return { result: { prompts: await prompts.list(exchange) } }
  }
  return [
    ['prompts/list', { eras: ALL, cached: 'list', run: list }],
    ['prompts/get', { eras: ALL, long: true, run: (exchange) => getPrompt(prompts, exchange) }],
  ]
}

async function getPrompt(prompts: PromptOffer, exchange: McpCall): Promise<MethodAnswer> {
  const name = exchange.params['name']
  if (typeof name !== 'string') return badParams('params.name is missing or not a string; accepted is a prompt')
  const args = exchange.params['arguments'] ?? {}
  if (!isObject(args) || !isTexts(args)) return badParams('params.arguments is not an object of strings')
  const answer = await prompts.get(name, args, exchange)
  return answer ?? badParams(`Unknown prompt: ${JSON.stringify(name.slice(0, 100))}; prompts/list names them all`)
}

function resourceMethods({ resources }: Registry): readonly (readonly [string, Method])[] {
  const methods: (readonly [string, Method])[] = [
    ['resources/list', { eras: ALL, cached: 'list', run: (exchange) => listResources(resources, exchange) }],
    [
      'resources/templates/list',
      {
        eras: ALL,
        cached: 'list',
        run: (exchange) =>
          exchange.params['cursor'] === undefined
            ? { result: { resourceTemplates: resources.templates(exchange) } }
            : badCursor(),
      },
    ],
    ['resources/read', { eras: ALL, cached: 'read', long: true, run: (exchange) => readResource(resources, exchange) }],
  ]
  if (resources.takesSubscribe !== true) return methods
  const subscribe: Method = {
    eras: HANDSHAKE,
    run: ({ params }) => (typeof params['uri'] === 'string' ? { result: {} } : badParams('params.uri is missing')),
  }
  return [...methods, ['resources/subscribe', subscribe], ['resources/unsubscribe', subscribe]]
}

async function listResources(resources: ResourceOffer, exchange: McpCall): Promise<MethodAnswer> {
  const cursor = exchange.params['cursor']
  if (cursor !== undefined && typeof cursor !== 'string') return badCursor()
  const page = await resources.list(cursor, exchange)
  if (page === undefined) return badCursor()
  const { items, nextCursor } = page
  return { result: { resources: items, ...(nextCursor !== undefined && { nextCursor }) } }
}

async function readResource(resources: ResourceOffer, exchange: McpCall): Promise<MethodAnswer> {
  const uri = exchange.params['uri']
  if (typeof uri !== 'string') return badParams('params.uri is missing or not a string')
  return (await resources.read(uri, exchange)) ?? noResource(uri)
}

/** Returns the refusal of a `uri` without a resource; `sentence` gives the reason if one is known. */
export function noResource(uri: string, sentence?: string): MethodAnswer {
  const shown = uri.slice(0, 4096)
  return { refusal: handlerRefusal(RPC.invalidParams, sentence ?? `Resource not found: ${shown}`, { uri: shown }) }
}

function completionMethods({ prompts, resources }: Registry): readonly (readonly [string, Method])[] {
  const run = async (exchange: McpCall): Promise<MethodAnswer> => {
    const { ref, argument } = exchange.params
    if (!isObject(ref) || !isArgument(argument))
      return badParams('params.ref or params.argument is missing or malformed')
    const { type, name, uri } = ref
    const values =
      type === 'ref/prompt' && typeof name === 'string'
        ? await prompts.complete(name, argument, exchange)
        : type === 'ref/resource' && typeof uri === 'string'
          ? await resources.complete(uri, argument, exchange)
          : undefined
    if (values === undefined) return badParams('params.ref names neither a prompt nor a resource template')
    const hasMore = values.length > MOST_VALUES
    return { result: { completion: { values: values.slice(0, MOST_VALUES), total: values.length, hasMore } } }
  }
  return [['completion/complete', { eras: ALL, run }]]
}

function isArgument(value: unknown): value is { readonly name: string; readonly value: string } {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['value'] === 'string'
}

function isTexts(args: Params): args is Readonly<Record<string, string>> {
  return Object.values(args).every((value) => typeof value === 'string')
}

function badCursor(): MethodAnswer {
  return badParams('cursor is not one that this server gave out')
}
