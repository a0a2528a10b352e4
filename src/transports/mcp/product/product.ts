// Offers the product over MCP: the catalogue's tools and resources, and prompts from files.

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
  /** All operations, also those of toolsets that are not chosen. */
  readonly catalog: Catalog
  /** Toolsets of a caller that names none; undefined: the default toolset. */
  readonly toolsets?: readonly string[] | undefined
  readonly kinds: readonly ResourceKind[]
  /** Returns the texts of the workspace's files for agents that the caller may read. */
  readonly rules?: (caller: Caller) => Promise<readonly Rules[]>
  /** True if a person is asked before something is destroyed, where the client can ask. */
  readonly confirms?: boolean
  /** Source of the prompts; undefined: there are none. */
  readonly promptFiles?: PromptSource | undefined
}

/** Capabilities in the older revisions. Without sessions they have no channel for changes: their clients list again. */
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
