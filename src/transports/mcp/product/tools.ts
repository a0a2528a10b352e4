// Turns the catalogue into MCP tools: which caller sees which operation, and each tool's description. The schemas are
// the operations' own, in the plain form that every client takes: a flat object, in which fields with a default are not
// required, without the fields that only REST has.

import { mayEnter, type Caller } from '../../../caller.ts'
import { nearest } from '../../../base/nearest.ts'
import { areaOf, setOf, type Operation } from '../../../operation.ts'
import { perVersion, type Catalog } from '../../../shelf.ts'
import { plainSchema } from '../../plain-schema.ts'
import { chosen, NO_CHOICES, type Choices } from '../protocol/choices.ts'
import type { GuideEntry } from './instructions.ts'

export interface Tools {
  /** Returns the tool of that name under these choices; else a sentence why there is none. */
  find(name: string, choices: Choices): Operation | string
  /** Returns the descriptions that a caller may see, in the catalogue's order. */
  list(caller: Caller, structured: boolean, choices?: Choices): readonly ToolDescription[]
  /** Returns the same tools for the guide. */
  entries(caller: Caller, choices: Choices): readonly GuideEntry[]
  /** Returns the sets that a caller may choose. */
  sets(): readonly string[]
}

export interface ToolDescription {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: object
  /** Schema of structured content, for callers that take it: a client that sees the schema expects such content. */
  readonly outputSchema?: object
  readonly annotations: object
  readonly _meta?: object
}

/** Returns the tools among the operations. `usual`: the toolsets of a caller that names none; absent: the default. */
export function openTools(catalog: Catalog, usual?: readonly string[]): Tools {
  const offered = perVersion(catalog, (operations) => operations.filter((op) => op.tool !== undefined))
  const sets = perVersion(catalog, () => [...new Set(offered().map(setOf))])
  const described = {
    json: new WeakMap<Operation, ToolDescription>(),
    text: new WeakMap<Operation, ToolDescription>(),
  }
  const describe = (op: Operation, format: Choices['format']): ToolDescription => {
    const known = described[format]
    const tool = known.get(op) ?? describeTool(op, format)
    known.set(op, tool)
    return tool
  }
  const open = (caller: Caller, choices: Choices): readonly Operation[] =>
    offered().filter((op) => mayEnter(caller, op) && chosen(op, choices, usual))
  return {
    sets,
    find(name, choices) {
      const op = catalog.find(name)
      if (op?.tool === undefined) {
        return unknown(
          name,
          offered().map((one) => one.name),
        )
      }
      return chosen(op, choices, usual) ? op : notChosen(op, choices)
    },
    list: (caller, structured, choices = NO_CHOICES) =>
      open(caller, choices)
        .map((op) => describe(op, choices.format))
        .map((tool) => (structured ? tool : withoutOutput(tool))),
    entries: (caller, choices) =>
      open(caller, choices).map((op) => ({
        area: areaOf(op),
        author: authorOf(op),
        tool: describe(op, choices.format),
      })),
  }
}

function authorOf({ origin = 'product' }: Operation): string | undefined {
  if (origin === 'product') return undefined
  return origin === 'workspace' ? 'the workspace' : `the server ${origin.upstream}`
}

function unknown(name: string, names: readonly string[]): string {
  const close = nearest(name, names)
  const hint = close === undefined ? 'tools/list names them all' : `did you mean ${JSON.stringify(close)}?`
  return `Unknown tool: ${JSON.stringify(name.slice(0, 100))}; ${hint}`
}

function notChosen(op: Operation, { readOnly }: Choices): string {
  if (readOnly && op.tool?.hints.readOnly !== true)
    return `Unknown tool here: ${op.name} changes things, and this connection is read-only`
  return `Unknown tool here: ${op.name} belongs to the toolset "${setOf(op)}", which is not switched on`
}

export function describeTool(op: Operation, format: Choices['format'] = 'json'): ToolDescription {
  const { hints, meta, text } = op.tool ?? {}
  const readable = format === 'text' && text?.form !== undefined
  return {
    name: op.name,
    title: op.title,
    description: op.tool?.description ?? op.summary,
    inputSchema: op.foreignInput?.schema ?? inputSchema(op, defaultsOf(op, format)),
    ...(readable || op.blocks === true ? {} : { outputSchema: outputSchema(op) }),
    annotations: {
      title: op.title,
      readOnlyHint: hints?.readOnly ?? false,
      destructiveHint: hints?.destructive ?? true,
      idempotentHint: hints?.idempotent ?? false,
      openWorldHint: hints?.openWorld ?? true,
    },
    ...(meta && { _meta: meta }),
  }
}

/** Returns the defaults of fields that differ from REST. */
export function defaultsOf(op: Operation, format: Choices['format']): Readonly<Record<string, unknown>> {
  return { ...op.tool?.defaults, ...(format === 'text' && op.tool?.text?.defaults) }
}

function withoutOutput(tool: ToolDescription): ToolDescription {
  const { outputSchema: _, ...rest } = tool
  return rest
}

function inputSchema(op: Operation, defaults: Readonly<Record<string, unknown>>): object {
  const hidden = new Set<string>(op.tool?.hidden ?? [])
  const properties: Record<string, object> = {}
  const required: string[] = []
  for (const [name, declared] of Object.entries(op.input.properties)) {
    // The field is accepted, but only the guide tells of it: a model reads a listing before each task.
    if (hidden.has(name) || ('kind' in declared && declared.kind === 'path_bytes')) continue
    const field = plainSchema(declared)
    if (defaults[name] !== undefined) field['default'] = defaults[name]
    properties[name] = withStatedDefault(field)
    if (isRequired(op, name) && field['default'] === undefined) required.push(name)
  }
  return { type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false }
}

/** Returns the schema of the answer; every success has `success: true` beside its own fields (protocol.md#tools). */
function outputSchema(op: Operation): object {
  const properties = Object.entries(op.output.properties).map(([name, field]) => [name, plainSchema(field)] as const)
  return {
    type: 'object',
    properties: { success: { type: 'boolean' }, ...Object.fromEntries(properties) },
    required: ['success', ...Object.keys(op.output.properties).filter((name) => op.output.required?.includes(name))],
  }
}

function isRequired(op: Operation, name: string): boolean {
  return (op.input.required as readonly string[] | undefined)?.includes(name) === true
}

/** Adds the default to the description: models read descriptions more surely than schemas. */
function withStatedDefault(field: Record<string, unknown>): object {
  const { default: value, description } = field
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return field
  const text = typeof description === 'string' ? description : ''
  return { ...field, description: `${text} Default: ${JSON.stringify(value)}.`.trim() }
}
