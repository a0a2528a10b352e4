// Routes made from the catalogue: literal segments win over parameters, so `/exec/stream` is found before
// `/exec/:id` whatever the order of declaration (protocol.md#conventions).

import type { Method, Operation, Route } from '../operation.ts'

export interface Match {
  readonly op: Operation
  readonly route: Route<Record<string, unknown>>
  readonly parameters: Readonly<Record<string, string>>
}

/** What a path leads to: an operation, or the methods it would take, or nothing. */
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

export function openRouter(catalog: readonly Operation[]): Router {
  const root = newNode()
  for (const op of catalog) {
    for (const route of op.routes) {
      const node = nodeOf(root, route.path.split('/').slice(1))
      if (node.methods.has(route.method)) throw new Error(`${route.method} ${route.path} is declared twice`)
      node.methods.set(route.method, { op, route })
    }
  }
  return {
    find(method, path) {
      const parameters: Record<string, string> = {}
      const node = walk(root, path.split('/').slice(1), parameters)
      if (node === undefined || node.methods.size === 0) return undefined
      const target = node.methods.get(method as Method)
      return target === undefined ? { allow: [...node.methods.keys()] } : { ...target, parameters }
    },
  }
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
