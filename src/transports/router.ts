// Routes made from the catalogue: literal segments win over parameters, so `/exec/stream` is found before `/exec/:id`
// in any order of declaration (protocol.md#conventions).

import type { Method, Operation, Route } from '../operation.ts'
import { perVersion, type Catalog } from '../shelf.ts'

export interface Match {
  readonly op: Operation
  readonly route: Route<Record<string, unknown>>
  readonly parameters: Readonly<Record<string, string>>
}

/** The operation of a path, or the methods that the path takes, or undefined. */
export type Found = Match | { readonly allow: readonly string[] } | undefined

interface Node {
  readonly literal: Map<string, Node>
  parameter: { readonly name: string; readonly node: Node } | undefined
  readonly methods: Map<Method, { readonly op: Operation; readonly route: Route<Record<string, unknown>> }>
}

export interface Router {
  /** `path` without query, still percent-encoded; HEAD is looked up as given. */
  find(method: string, path: string): Found
}

export function openRouter(catalog: Catalog): Router {
  const root = perVersion(catalog, treeOf)
  return {
    find(method, path) {
      const parameters: Record<string, string> = {}
      const node = walk(root(), path.split('/').slice(1), parameters)
      if (node === undefined || node.methods.size === 0) return undefined
      const target = node.methods.get(method as Method)
      return target === undefined ? { allow: [...node.methods.keys()] } : { ...target, parameters }
    },
  }
}

/** Returns the tree of routes. Shelves refuse a second operation at a route, so each is set once. */
function treeOf(operations: readonly Operation[]): Node {
  const root = newNode()
  for (const op of operations) {
    for (const route of op.routes) {
      nodeOf(root, route.path.split('/').slice(1)).methods.set(route.method, { op, route })
    }
  }
  return root
}

function newNode(): Node {
  return { literal: new Map(), parameter: undefined, methods: new Map() }
}

function nodeOf(root: Node, segments: readonly string[]): Node {
  let node = root
  for (const segment of segments) {
    if (segment.startsWith(':')) {
      node.parameter ??= { name: segment.slice(1), node: newNode() }
      node = node.parameter.node
    } else {
      const next = node.literal.get(segment) ?? newNode()
      node.literal.set(segment, next)
      node = next
    }
  }
  return node
}

function walk(root: Node, segments: readonly string[], parameters: Record<string, string>): Node | undefined {
  let node: Node | undefined = root
  for (const segment of segments) {
    const literal: Node | undefined = node?.literal.get(segment)
    if (literal !== undefined) {
      node = literal
      continue
    }
    const parameter: Node['parameter'] = node?.parameter
    const value = parameter === undefined ? undefined : decoded(segment)
    if (parameter === undefined || value === undefined || value === '') return undefined
    parameters[parameter.name] = value
    node = parameter.node
  }
  return node
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
