// What the product offers over MCP: the catalogue's tools.

import type { Gate } from '../../invoke.ts'
import type { Operation } from '../../operation.ts'
import { takesStructured } from './era.ts'
import type { Registry } from './registry.ts'
import { callTool } from './tool-call.ts'
import { openTools } from './tool-listing.ts'

export interface ProductParts {
  readonly gate: Gate
  /** Everything there is, whatever is switched on. */
  readonly catalog: readonly Operation[]
  /** Toolsets beyond the default ones that are on unless a caller chooses for itself. */
  readonly toolsets?: readonly string[]
}

export function openProduct({ gate, catalog, toolsets = [] }: ProductParts): Registry {
  const tools = openTools(catalog, toolsets)
  return {
    capabilities: (era) => (era === 'modern' ? { tools: {} } : { tools: {}, logging: {} }),
    tools: {
      names: (caller, choices) => tools.list(caller, false, choices).map((tool) => tool.name),
      sets: tools.sets,
      list: ({ caller, speaker, choices }) => tools.list(caller, takesStructured(speaker), choices),
      call: (exchange) => callTool(exchange, tools, gate),
    },
    prompts: {
      list: () => Promise.resolve([]),
      get: () => Promise.resolve(undefined),
      complete: () => Promise.resolve([]),
    },
    resources: {
      list: () => Promise.resolve({ items: [] }),
      templates: () => [],
      read: () => Promise.resolve(undefined),
      complete: () => Promise.resolve([]),
    },
    changes: { listen: () => Promise.resolve({ granted: {}, [Symbol.asyncDispose]: () => Promise.resolve() }) },
  }
}
