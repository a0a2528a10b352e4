// One method and path of REST, read off the catalogue: the fields and where each travels, the media types of the
// answer, the statuses; and the JSON Schemas of input, reply, error body and configuration file. The API description,
// `/schemas` and the table of docs/api.md are made from it. Pure.

import { FAULT_STATUS } from '../../base/fault.ts'
import type { Method, Operation, Route } from '../../operation.ts'
import { plainSchema, type PlainSchema } from '../plain-schema.ts'

export interface Field {
  readonly name: string
  readonly schema: PlainSchema
  /** True if a caller must send it: it is required and has no default. */
  readonly required: boolean
  /** Other names of the field (protocol.md#tolerant-input). */
  readonly aliases: readonly string[]
  /** Field that may come in place of this one; `needed`: one of the two must. */
  readonly instead?: { readonly of: string; readonly needed: boolean }
}

export interface Parameter extends Field {
  readonly place: 'path' | 'query' | 'header'
  /** Field of the input; a header has another name. */
  readonly field: string
}

/** Forms of a body. `either`: these fields as a JSON object, or bytes. */
export type BodyForm =
  { readonly form: 'json' | 'either'; readonly fields: readonly Field[] } | { readonly form: 'bytes' }

export interface Endpoint {
  readonly op: Operation
  readonly route: Route<Record<string, unknown>>
  /** Unique among all endpoints: the operation's name, with a suffix after its first route. */
  readonly id: string
  readonly method: Method
  /** Path with its fields in braces: `/exec/{id}`. */
  readonly path: string
  readonly parameters: readonly Parameter[]
  /** Undefined if the request has no body. */
  readonly body: BodyForm | undefined
  readonly answers: readonly string[]
  /** Statuses of success, the usual one first. */
  readonly successes: readonly number[]
  readonly faults: readonly number[]
}

/** Returns the fields of an operation, in its schema's order. */
export function fieldsOf(op: Operation): readonly Field[] {
  const required = new Set<string>(op.input.required ?? [])
  return Object.entries(op.input.properties).map(([name, declared]) => {
    const schema = fieldSchema(declared)
    const aliases = Object.entries(op.aliases ?? {}).flatMap(([alias, of]) => (of === name ? [alias] : []))
    const needed = required.has(name) && schema['default'] === undefined
    const bytes = `${name}_base64`
    if (!Object.hasOwn(op.input.properties, bytes)) return { name, schema, required: needed, aliases }
    return { name, schema, required: false, aliases, instead: { of: bytes, needed } }
  })
}

/** Returns a field's schema. A command may also be one string, which means something else than an array of one. */
function fieldSchema(declared: object): PlainSchema {
  const schema = plainSchema(declared)
  return 'kind' in declared && declared.kind === 'argv' ? { ...schema, type: ['array', 'string'] } : schema
}

/** Returns every route of every operation, in the catalogue's order. */
export function endpointsOf(catalog: readonly Operation[]): readonly Endpoint[] {
  return catalog.flatMap((op) => op.routes.map((route, index) => endpointOf(op, route, index === 0)))
}

function endpointOf(op: Operation, route: Endpoint['route'], first: boolean): Endpoint {
  const inPath = new Set(route.path.split('/').flatMap((part) => (part.startsWith(':') ? [part.slice(1)] : [])))
  const inHeader = new Map(Object.entries(route.headers ?? {}).map(([header, field]) => [field, header]))
  const settled = (name: string) => route.fixed !== undefined && Object.hasOwn(route.fixed, name)
  const open = fieldsOf(op).filter(({ name }) => !settled(name) && !UNDESCRIBED.has(inHeader.get(name) ?? ''))
  const json = route.body !== 'bytes' && CARRIES_BODY.has(route.method)
  const inBody = json ? open.filter(({ name }) => !inPath.has(name) && !inHeader.has(name)) : []
  const parameters = open
    .filter((field) => !inBody.includes(field))
    .map((field): Parameter => {
      const header = inHeader.get(field.name)
      if (inPath.has(field.name)) return { ...field, aliases: [], field: field.name, place: 'path', required: true }
      if (header === undefined) return { ...field, field: field.name, place: 'query' }
      return { ...field, field: field.name, name: header, place: 'header' }
    })
  const body = bodyOf(route, inBody)
  const declared = op.statuses ?? []
  return {
    op,
    route,
    id: first ? op.name : `${op.name}_${suffixOf(op, route)}`,
    method: route.method,
    path: route.path.replaceAll(/:(\w+)/g, '{$1}'),
    parameters,
    body,
    answers: [route.answers ?? 'application/json'].flat(),
    successes: [route.status ?? 200, ...declared.filter((status) => status < 400)],
    faults: [...new Set([...generalFaults(op, body), ...declared.filter((status) => status >= 400)])].toSorted(
      ascending,
    ),
  }
}

function bodyOf({ body }: Endpoint['route'], fields: readonly Field[]): BodyForm | undefined {
  if (body === 'bytes') return { form: 'bytes' }
  if (body === 'either') return { form: 'either', fields }
  return fields.length > 0 ? { form: 'json', fields } : undefined
}

const CARRIES_BODY: ReadonlySet<Method> = new Set(['POST', 'PUT', 'PATCH'])

/**
 * OpenAPI 3.1, "Parameter Object": the media types say what these headers may be, parameters of the name do not count.
 */
const UNDESCRIBED: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization'])

/** Returns a suffix that tells a further route from the first, by its method or the extra parts of its path. */
function suffixOf(op: Operation, { method, path }: Endpoint['route']): string {
  const first = op.routes[0]
  const known = new Set(first?.path.split('/'))
  const more = path.split('/').filter((part) => !known.has(part))
  return [...(first?.method === method ? [] : [method.toLowerCase()]), ...more].join('_').replaceAll(':', '')
}

/** Returns the statuses that every operation can have (operation.ts). */
function generalFaults(op: Operation, body: Endpoint['body']): readonly number[] {
  const { bad_request, unauthorized, forbidden, rate_limited, internal_error, unavailable } = FAULT_STATUS
  const credential = op.open === true ? [] : [unauthorized]
  const sent = body === undefined ? [] : [FAULT_STATUS.payload_too_large]
  const typed = body?.form === 'json' ? [FAULT_STATUS.unsupported_media_type] : []
  return [bad_request, ...credential, forbidden, ...sent, ...typed, rate_limited, internal_error, unavailable]
}

const ascending = (a: number, b: number): number => a - b

interface NamedSchema {
  /** Name of a schema: `config`, `error`, `file_read.input`, `file_read.output`. */
  readonly name: string
  readonly title: string
  readonly schema: PlainSchema
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** Schema of the error body (protocol.md#replies; transports/reply.ts makes it). */
export const ERROR_SCHEMA: PlainSchema = {
  type: 'object',
  description: 'What every refusal and failure is answered with.',
  properties: {
    success: { const: false },
    error: { type: 'string', description: 'One sentence for a person.' },
    message: { type: 'string', description: 'The same.' },
    code: { type: 'string', enum: Object.keys(FAULT_STATUS), description: 'For a program; the list is closed.' },
    details: {
      type: 'object',
      description: 'Facts that belong to the sentence, such as the field, what came, a limit.',
    },
    request_id: {
      type: 'string',
      description: 'The same as in X-Request-Id; the log of the daemon names the request by it.',
    },
  },
  required: ['success', 'error', 'message', 'code'],
}

/** Returns the schema of an object of these fields. */
export function objectOf(fields: readonly Field[]): PlainSchema {
  const required = fields.flatMap((field) => (field.required ? [field.name] : []))
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field.name, described(field)])),
    ...(required.length > 0 && { required }),
  }
}

/** Returns the schema of the whole input. */
export function inputOf(op: Operation): PlainSchema {
  return op.foreignInput === undefined ? objectOf(fieldsOf(op)) : { ...op.foreignInput.schema }
}

/** Returns the schema of a field, with its other names. */
export function described({ schema, aliases }: Field): PlainSchema {
  if (aliases.length === 0) return schema
  const text = typeof schema['description'] === 'string' ? `${schema['description']} ` : ''
  return { ...schema, description: `${text}Also taken: ${aliases.map((alias) => `\`${alias}\``).join(', ')}.` }
}

/** Returns the schema of a success's JSON body (protocol.md#replies, protocol.md#tolerant-input). */
export function replySchema(op: Operation): PlainSchema {
  const output = plainSchema(op.output)
  if (op.open === true) return output
  const ignored = { type: 'array', items: { type: 'string' }, description: 'Fields sent that mean nothing here.' }
  const required: readonly string[] = op.output.required ?? []
  return {
    ...output,
    properties: { success: { const: true }, ...(output['properties'] as PlainSchema), ignored }, // plainSchema's form
    required: ['success', ...required],
  }
}

export function answersJson(op: Operation): boolean {
  return op.routes.some(({ answers = 'application/json' }) => [answers].flat().includes('application/json'))
}

/** Returns all schemas by their names. */
export function namedSchemas(catalog: readonly Operation[], config: object): ReadonlyMap<string, NamedSchema> {
  const routed = catalog.filter(({ routes, tool }) => routes.length > 0 || tool !== undefined)
  const all: readonly NamedSchema[] = [
    { name: 'config', title: 'The configuration file', schema: plainSchema(config) },
    { name: 'error', title: 'The error body', schema: ERROR_SCHEMA },
    ...routed.flatMap((op): NamedSchema[] => [
      { name: `${op.name}.input`, title: `${op.title}: what is sent`, schema: inputOf(op) },
      ...(answersJson(op)
        ? [{ name: `${op.name}.output`, title: `${op.title}: the reply`, schema: replySchema(op) }]
        : []),
    ]),
  ]
  return new Map(all.map((one) => [one.name, one]))
}

/** Returns a schema as a whole document. Its id is relative to the address from which a client got it. */
export function schemaDocument({ name, title, schema }: NamedSchema): PlainSchema {
  return { $schema: DIALECT, title, ...schema, $id: name }
}
