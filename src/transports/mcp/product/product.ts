// What the product offers over MCP: the catalogue's tools and resources, and prompts from files.

import { pathToFileURL } from 'node:url'
import { mayEnter, type Caller } from '../../../caller.ts'
import type { Gate } from '../../../invoke.ts'
import type { Catalog } from '../../../shelf.ts'
import type { ResourceKind } from '../../../resource.ts'
import { takesStructured } from '../protocol/revision.ts'
import { guide, advice, type Rules } from './instructions.ts'
import { openChanges } from './changes.ts'
import { openPrompts, type PromptSource } from './prompt-files.ts'
import type { Registry } from '../protocol/registry.ts'
import { openResources } from './resources.ts'
import { callTool } from './tool-call.ts'
import { openTools } from './tools.ts'

export interface ProductParts {
  readonly gate: Gate
  /** Everything there is, whatever is switched on. */
  readonly catalog: Catalog
  /** The toolsets of a caller who names none; undefined: the default one. */
  readonly toolsets?: readonly string[] | undefined
  readonly kinds: readonly ResourceKind[]
  /** What the workspace's files say to agents, as far as the caller may read them. */
  readonly rules?: (caller: Caller) => Promise<readonly Rules[]>
  /** Ask a person before something is destroyed, where the client can. */
  readonly confirms?: boolean
  /** Undefined: there are no prompts. */
  readonly promptFiles?: PromptSource | undefined
}

/** Without sessions the older revisions have no channel for changes: their clients list again. */
const OLDER = { tools: {}, completions: {}, resources: {}, prompts: {}, logging: {} } as const

export function openProduct({ gate, catalog, toolsets, kinds, rules, confirms, promptFiles }: ProductParts): Registry {
  const tools = openTools(catalog, toolsets)
  const modern = {
    tools: { listChanged: true },
    completions: {},
    resources: { subscribe: true },
    prompts: promptFiles === undefined ? {} : { listChanged: true },
  }
  return {
    capabilities: (era) => (era === 'modern' ? modern : OLDER),
    tools: {
      names: (caller, choices) => tools.list(caller, false, choices).map((tool) => tool.name),
      get sets() {
        return tools.sets()
      },
      list: ({ caller, speaker, choices }) => tools.list(caller, takesStructured(speaker), choices),
      call: (exchange) => callTool(exchange, tools, gate, confirms),
    },
    prompts: openPrompts(promptFiles),
    resources: openResources({
      gate,
      kinds,
      guide: async ({ caller, choices }) => {
        const open = kinds.filter(({ read }) => mayEnter(caller, read))
        return guide(tools.entries(caller, choices), open, advice((await rules?.(caller)) ?? []))
      },
    }),
    changes: openChanges({
      gate,
      kinds,
      catalog,
      tools,
      promptFolder: promptFiles && pathToFileURL(promptFiles.folder).href,
    }),
  }
}
