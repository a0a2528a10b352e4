// A registry made of plain values: each tool, prompt and resource is what it is called and a function that
// answers. The fixture of the public suite is such a registry.

import { handlerRefusal, RPC, isObject, type Params } from '../../../src/transports/mcp/protocol/json-rpc.ts'
import { pageOf } from '../../../src/transports/mcp/protocol/paging.ts'
import type {
  Change,
  ChangeSource,
  PromptDescription,
  Registry,
  ResourceDescription,
  TemplateDescription,
  Wish,
} from '../../../src/transports/mcp/protocol/registry.ts'
import { NeedsAbility, NeedsInput, type Talk } from '../../../src/transports/mcp/protocol/asking.ts'

type Asking = NeedsInput | NeedsAbility

export interface PlainTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: object
  readonly run: (args: Params, talk: Talk) => Promise<ToolOutcome> | ToolOutcome
}
export type ToolOutcome = { readonly content: readonly object[]; readonly isError?: true } | Asking

export interface PlainPrompt extends PromptDescription {
  readonly run: (args: Params, talk: Talk) => Promise<PromptOutcome> | PromptOutcome
}
export type PromptOutcome = { readonly messages: readonly object[] } | Asking

type Contents = { readonly text: string } | { readonly blob: string }
export interface PlainResource extends ResourceDescription {
  readonly read: () => Contents
}
/** `uriTemplate` has one variable, `{id}`. */
export interface PlainTemplate extends TemplateDescription {
  readonly read: (id: string) => Contents
}

export interface Offer {
  readonly tools: readonly PlainTool[]
  readonly prompts: readonly PlainPrompt[]
  readonly resources: readonly PlainResource[]
  readonly templates: readonly PlainTemplate[]
  readonly bell: Bell
}

/** Tells listeners that a list or a resource has changed. */
export interface Bell extends ChangeSource {
  ring(change: Change): void
}

export function openBell(): Bell {
  const ears = new Set<(change: Change) => void>()
  return {
    ring(change) {
      for (const ear of ears) ear(change)
    },
    listen(wish, _exchange, tell) {
      const ear = (change: Change): void => {
        if (wanted(wish, change)) tell(change)
      }
      ears.add(ear)
      const end = (): Promise<void> => {
        ears.delete(ear)
        return Promise.resolve()
      }
      return Promise.resolve({ granted: wish, [Symbol.asyncDispose]: end })
    },
  }
}

function wanted(wish: Wish, change: Change): boolean {
  if (change.kind === 'resource') return wish.resourceSubscriptions?.includes(change.uri) === true
  return wish[`${change.kind}ListChanged`] === true
}

export function plainRegistry(offer: Offer): Registry {
  return {
    capabilities: (era) => ({
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      completions: {},
      ...(era === 'modern' ? {} : { logging: {} }),
    }),
    tools: toolShelf(offer.tools),
    prompts: promptShelf(offer.prompts),
    resources: resourceShelf(offer),
    changes: offer.bell,
  }
}

function toolShelf(tools: readonly PlainTool[]): Registry['tools'] {
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  return {
    sets: [],
    names: () => [...byName.keys()],
    list: () => tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),
    async call(exchange) {
      const { name, arguments: args } = exchange.params
      const tool = typeof name === 'string' ? byName.get(name) : undefined
      if (tool === undefined) return { refusal: handlerRefusal(RPC.invalidParams, `Unknown tool: ${String(name)}`) }
      const outcome = await tool.run(isObject(args) ? args : {}, exchange.talk())
      return outcome instanceof NeedsInput || outcome instanceof NeedsAbility ? outcome : { result: outcome }
    },
  }
}

function promptShelf(prompts: readonly PlainPrompt[]): Registry['prompts'] {
  const byName = new Map(prompts.map((prompt) => [prompt.name, prompt]))
  return {
    list: () => Promise.resolve(prompts.map(({ run: _, ...description }) => description)),
    async get(name, args, exchange) {
      const outcome = await byName.get(name)?.run(args, exchange.talk())
      if (outcome === undefined || outcome instanceof NeedsInput || outcome instanceof NeedsAbility) return outcome
      return { result: outcome }
    },
    complete: () => Promise.resolve([]),
  }
}

function resourceShelf({ resources, templates }: Offer): Registry['resources'] {
  const find = (uri: string): (Contents & { mimeType?: string }) | undefined => {
    const resource = resources.find((one) => one.uri === uri)
    if (resource !== undefined) return { ...typed(resource), ...resource.read() }
    for (const template of templates) {
      const [before = '', after = ''] = template.uriTemplate.split('{id}')
      const id = uri.slice(before.length, uri.length - after.length)
      if (uri === `${before}${id}${after}` && /^[\w-]+$/.test(id)) return { ...typed(template), ...template.read(id) }
    }
    return undefined
  }
  return {
    takesSubscribe: true,
    list: (cursor) =>
      Promise.resolve(
        pageOf(
          resources.map(({ read: _, ...description }) => description),
          ({ uri }) => uri,
          cursor,
        ),
      ),
    templates: () => templates.map(({ read: _, ...description }) => description),
    read(uri) {
      const found = find(uri)
      return Promise.resolve(found && { result: { contents: [{ uri, ...found }] } })
    },
    complete: () => Promise.resolve([]),
  }
}

function typed({ mimeType }: { readonly mimeType?: string }): { mimeType?: string } {
  return mimeType === undefined ? {} : { mimeType }
}
