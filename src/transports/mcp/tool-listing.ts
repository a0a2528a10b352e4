// The catalogue as MCP tools: which operations are tools for whom, and how each is described. The schemas
// are the operations' own, in the plain form that every client takes (mcp.md 3.5): a flat object, fields
// with a default not required, nothing that only REST has.

import { mayUse, type Caller } from '../../caller.ts'
import type { Operation } from '../../operation.ts'

export interface Tools {
  /** A Map, so that "constructor" is no tool. */
  readonly byName: ReadonlyMap<string, Operation>
  /** The descriptions a caller may see, in the catalogue's order. */
  list(caller: Caller, structured: boolean): readonly ToolDescription[]
}

export interface ToolDescription {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: object
  /** Only for callers who take structured content: whoever sees it expects such content. */
  readonly outputSchema?: object
  readonly annotations: object
}

/** The tools among the operations offered. */
export function openTools(catalog: readonly Operation[]): Tools {
  const offered = catalog.filter((op) => op.tool !== undefined)
  const byName = new Map(offered.map((op) => [op.name, op]))
  const described = new Map<Operation, ToolDescription>()
  const describe = (op: Operation): ToolDescription => {
    let known = described.get(op)
    if (known === undefined) described.set(op, (known = describeTool(op)))
    return known
  }
  return {
    byName,
    list: (caller, structured) =>
      offered
        .filter((op) => mayUse(caller, op.scope))
        .map((op) => (structured ? describe(op) : withoutOutput(describe(op)))),
  }
}

export function describeTool(op: Operation): ToolDescription {
  const hints = op.tool?.hints
  return {
    name: op.name,
    title: op.title,
    description: op.tool?.description ?? op.summary,
    inputSchema: inputSchema(op),
    outputSchema: outputSchema(op),
    annotations: {
      title: op.title,
      readOnlyHint: hints?.readOnly ?? false,
      destructiveHint: hints?.destructive ?? true,
      idempotentHint: hints?.idempotent ?? false,
      openWorldHint: hints?.openWorld ?? true,
    },
  }
}

function withoutOutput(tool: ToolDescription): ToolDescription {
  const { outputSchema: _, ...rest } = tool
  return rest
}

function inputSchema(op: Operation): object {
  const hidden = new Set<string>(op.tool?.hidden ?? [])
  const defaults: Readonly<Record<string, unknown>> = op.tool?.defaults ?? {}
  const properties: Record<string, object> = {}
  const required: string[] = []
  for (const [name, declared] of Object.entries(op.input.properties)) {
    if (hidden.has(name)) continue
    const field = plain(declared)
    if (defaults[name] !== undefined) field['default'] = defaults[name]
    properties[name] = withStatedDefault(field)
    if (isRequired(op, name) && field['default'] === undefined) required.push(name)
  }
  return { type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false }
}

/** Every success carries `success: true` beside the operation's own fields (contract 0). */
function outputSchema(op: Operation): object {
  const properties = Object.entries(op.output.properties).map(([name, field]) => [name, plain(field)] as const)
  return {
    type: 'object',
    properties: { success: { type: 'boolean' }, ...Object.fromEntries(properties) },
    required: ['success', ...Object.keys(op.output.properties).filter((name) => op.output.required?.includes(name))],
  }
}

function isRequired(op: Operation, name: string): boolean {
  return (op.input.required as readonly string[] | undefined)?.includes(name) === true
}

/** Models read descriptions more surely than schemas: the default is said in words too. */
function withStatedDefault(field: Record<string, unknown>): object {
  const { default: value, description } = field
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return field
  const text = typeof description === 'string' ? description : ''
  return { ...field, description: `${text} Default: ${JSON.stringify(value)}.`.trim() }
}

/** A schema without our own keyword `kind`; property names are not keywords and stay. */
function plain(schema: object): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'kind') continue
    else if (key === 'properties') result[key] = mapValues(value)
    else if (typeof value === 'object' && value !== null && SUBSCHEMAS.has(key)) {
      result[key] = Array.isArray(value) ? value.map((item: object) => plain(item)) : plain(value)
    } else result[key] = value
  }
  return result
}

const SUBSCHEMAS: ReadonlySet<string> = new Set(['items', 'additionalProperties', 'anyOf', 'allOf', 'oneOf', 'not'])

function mapValues(schemas: Readonly<Record<string, object>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, plain(schema)]))
}
