// What the product offers over MCP: the catalogue's tools.

import type { Gate } from '../../invoke.ts'
import type { Operation } from '../../operation.ts'
import { takesStructured } from './era.ts'
import type { Registry } from './registry.ts'
import { callTool } from './tool-call.ts'
import { openTools } from './tool-listing.ts'

export interface ProductParts {
  readonly gate: Gate
  readonly catalog: readonly Operation[]
}

export function openProduct({ gate, catalog }: ProductParts): Registry {
  const tools = openTools(catalog)
  return {
    capabilities: (era) => (era === 'modern' ? { tools: {} } : { tools: {}, logging: {} }),
    tools: {
      names: (caller) => tools.list(caller, false).map((tool) => tool.name),
      list: ({ caller, speaker }) => tools.list(caller, takesStructured(speaker)),
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
