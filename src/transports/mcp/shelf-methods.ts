// The methods that hand out what the registry holds: prompts, resources and completions. What they refuse is
// -32602 in every era; an address that leads nowhere is named in data.uri (2026-07-28, resources).

import type { Era } from './era.ts'
import { badParams, handlerRefusal, RPC } from './errors.ts'
import { isObject, type Params } from './json-rpc.ts'
import type { Answer, Exchange, Method } from './exchange.ts'
import type { PromptShelf, Registry, ResourceShelf } from './registry.ts'

const ALL: readonly Era[] = ['bare', 'legacy', 'modern']
const HANDSHAKE: readonly Era[] = ['bare', 'legacy']

/** Values of one completion (every revision: at most 100). */
const MOST_VALUES = 100

export function promptMethods({ prompts }: Registry): readonly (readonly [string, Method])[] {
  const list = async (exchange: Exchange): Promise<Answer> => {
    // All prompts fit on one page, so no cursor was ever given out.
    if (exchange.params['cursor'] !== undefined) return badCursor()
    return { result: { prompts: await prompts.list(exchange) } }
  }
  return [
    ['prompts/list', { eras: ALL, cached: 'list', run: list }],
    ['prompts/get', { eras: ALL, long: true, run: (exchange) => getPrompt(prompts, exchange) }],
  ]
}

async function getPrompt(prompts: PromptShelf, exchange: Exchange): Promise<Answer> {
  const name = exchange.params['name']
  if (typeof name !== 'string') return badParams('params.name is missing or not a string; accepted is a prompt')
  const args = exchange.params['arguments'] ?? {}
  if (!isObject(args) || !isTexts(args)) return badParams('params.arguments is not an object of strings')
  const answer = await prompts.get(name, args, exchange)
  return answer ?? badParams(`Unknown prompt: ${JSON.stringify(name.slice(0, 100))}; prompts/list names them all`)
}

export function resourceMethods({ resources }: Registry): readonly (readonly [string, Method])[] {
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

async function listResources(resources: ResourceShelf, exchange: Exchange): Promise<Answer> {
  const cursor = exchange.params['cursor']
  if (cursor !== undefined && typeof cursor !== 'string') return badCursor()
  const page = await resources.list(cursor, exchange)
  if (page === undefined) return badCursor()
  const { items, nextCursor } = page
  return { result: { resources: items, ...(nextCursor !== undefined && { nextCursor }) } }
}

async function readResource(resources: ResourceShelf, exchange: Exchange): Promise<Answer> {
  const uri = exchange.params['uri']
  if (typeof uri !== 'string') return badParams('params.uri is missing or not a string')
  return (await resources.read(uri, exchange)) ?? noResource(uri)
}

/** Nothing is at `uri`; `sentence` says more where more is known. */
export function noResource(uri: string, sentence?: string): Answer {
  const shown = uri.slice(0, 4096)
  return { refusal: handlerRefusal(RPC.invalidParams, sentence ?? `Resource not found: ${shown}`, { uri: shown }) }
}

export function completionMethods({ prompts, resources }: Registry): readonly (readonly [string, Method])[] {
  const run = async (exchange: Exchange): Promise<Answer> => {
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

function badCursor(): Answer {
  return badParams('cursor is not one that this server gave out')
}
