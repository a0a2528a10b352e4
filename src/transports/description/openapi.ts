// Makes the catalogue an OpenAPI 3.1 document: each route with its fields, answers, statuses and an example. It knows
// no single operation; by-hand.ts has the facts that the catalogue lacks. Pure.

import { STATUS_CODES } from 'node:http'
import { FAULT_STATUS } from '../../base/fault.ts'
import { areaOf, type Operation } from '../../operation.ts'
import type { PlainSchema } from '../plain-schema.ts'
import { BY_HAND } from './by-hand.ts'
import {
  endpointsOf,
  type Endpoint,
  type Field,
  type Parameter,
  answersJson,
  described,
  ERROR_SCHEMA,
  inputOf,
  objectOf,
  replySchema,
} from './endpoint.ts'

export interface DocumentParts {
  /** Operations that are offered, and so described. */
  readonly catalog: readonly Operation[]
  readonly version: string
  /** First page as Markdown: rules that all operations share. */
  readonly introduction: string
}

export function openapi({ catalog, version, introduction }: DocumentParts): PlainSchema {
  const paths: Record<string, PlainSchema> = {}
  for (const endpoint of endpointsOf(catalog)) {
    const item = (paths[endpoint.path] ??= {})
    item[endpoint.method.toLowerCase()] = operationObject(endpoint, catalog)
  }
  const all = { ...paths, ...BY_HAND }
  return {
    openapi: '3.1.0',
    info: {
      title: 'workspace-runtime',
      version,
      description: introduction,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'Where this document came from' }],
    security: [{ bearer: [] }],
    tags: tagsOf(all).map((name) => ({ name })),
    paths: all,
    components: {
      schemas: {
        error: ERROR_SCHEMA,
        ...Object.fromEntries(catalog.filter(isReplied).map((op) => [`${op.name}.output`, replySchema(op)])),
      },
      responses: faultResponses(),
      headers: HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  }
}

const isReplied = (op: Operation): boolean => op.routes.length > 0 && answersJson(op)

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'The raw connection token, or a JWT where the daemon is configured for it. Roles are scopes of a JWT.',
  },
  token: {
    type: 'apiKey',
    in: 'query',
    name: 'token',
    description: 'The same credential, where a WebSocket or a page is opened and no header can be sent.',
  },
}

const HEADERS = {
  'X-Request-Id': { description: 'Names this request in the log of the daemon.', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds after which to try again.', schema: { type: 'integer' } },
}

const REQUEST_ID = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } }
const RETRY_AFTER = { 'Retry-After': { $ref: '#/components/headers/Retry-After' } }

/** Returns one response for each status of the closed list of codes. */
function faultResponses(): PlainSchema {
  const codes = Object.groupBy(Object.entries(FAULT_STATUS), ([, status]) => status)
  return Object.fromEntries(
    Object.entries(codes).map(([status, some]) => [
      status,
      {
        description: `${STATUS_CODES[status] ?? status}: ${some.map(([code]) => `\`${code}\``).join(', ')}`,
        headers: { ...REQUEST_ID, ...((status === '429' || status === '503') && RETRY_AFTER) },
        content: { 'application/json': { schema: { $ref: '#/components/schemas/error' } } },
      },
    ]),
  )
}

function tagsOf(paths: Readonly<Record<string, PlainSchema>>): readonly string[] {
  const operations = Object.values(paths).flatMap((item) => Object.values(item)) as { tags?: readonly string[] }[] // made here
  return [...new Set(operations.flatMap(({ tags = [] }) => tags))]
}

function operationObject(endpoint: Endpoint, catalog: readonly Operation[]): PlainSchema {
  const { op, id, parameters, body } = endpoint
  const description = remarks(endpoint)
  return {
    operationId: id,
    tags: [areaOf(op)],
    summary: op.summary,
    ...(description !== '' && { description }),
    ...securityOf(endpoint),
    ...(parameters.length > 0 && { parameters: parameters.map((one) => parameterObject(one, exampleOf(op))) }),
    ...(body !== undefined && { requestBody: bodyObject(body, exampleOf(op)) }),
    ...(endpoint.route.callsTool === true && { requestBody: toolArguments(catalog) }),
    responses: {
      ...Object.fromEntries(endpoint.successes.map((status) => [status, successObject(endpoint, status)])),
      ...Object.fromEntries(endpoint.faults.map((status) => [status, { $ref: `#/components/responses/${status}` }])),
    },
  }
}

function remarks({ op: { tool, remarks: said }, route }: Endpoint): string {
  const toolset =
    tool?.toolset === undefined ? undefined : `As an MCP tool it belongs to the toolset \`${tool.toolset}\`.`
  const atRoot = route.rootOnly === true ? 'Not below `/runtimes/{target}`.' : undefined
  return [said, toolset, atRoot].filter((one) => one !== undefined).join(' ')
}

/** Returns the security of an endpoint; empty if it is that of the whole document. */
function securityOf({ op }: Endpoint): PlainSchema {
  if (op.open === true) return { security: [] }
  const bearer = { bearer: op.scope === 'none' ? [] : [op.scope] }
  return op.scope === 'none' ? {} : { security: [bearer] }
}

const exampleOf = (op: Operation): Readonly<Record<string, unknown>> => op.example ?? {}

function parameterObject(parameter: Parameter, example: Readonly<Record<string, unknown>>): PlainSchema {
  const { name, place, field, required } = parameter
  const { description, ...schema } = described(parameter)
  const value = example[field]
  return {
    name,
    in: place,
    ...(description !== undefined && { description }),
    ...(required && { required }),
    schema,
    ...(place === 'query' && schema['type'] === 'array' && { style: 'form', explode: true }),
    ...(value !== undefined && { example: value }),
  }
}

function bodyObject(body: Endpoint['body'] & {}, example: Readonly<Record<string, unknown>>): PlainSchema {
  if (body.form === 'bytes') {
    return { description: 'The bytes as they are, of any media type.', content: { [BYTES]: { schema: BINARY } } }
  }
  const bytes =
    body.form === 'either' ? { [BYTES]: { schema: BINARY }, 'text/plain': { schema: { type: 'string' } } } : {}
  const names = new Set(body.fields.map(({ name }) => name))
  const shown = Object.fromEntries(Object.entries(example).filter(([name]) => names.has(name)))
  return {
    ...(body.form === 'either' && { description: 'A JSON object with one of these fields, or the bytes as they are.' }),
    required: body.fields.some((field: Field) => field.required),
    content: { 'application/json': { schema: objectOf(body.fields), example: shown }, ...bytes },
  }
}

/**
 * Returns the arguments of any tool. A tool with a separate route is described there; the schema of any other stands
 * here, or only its address below /schemas if it has references, which lead to another place in this document.
 */
function toolArguments(catalog: readonly Operation[]): PlainSchema {
  const routeless = catalog.filter(({ tool, routes }) => tool !== undefined && routes.length === 0)
  const forms = routeless.map((op) => {
    const schema = inputOf(op)
    const about = {
      title: op.name,
      description: `${op.tool?.description ?? op.summary} See /schemas/${op.name}.input.`,
    }
    const { $schema: _, ...rest } = schema
    return JSON.stringify(rest).includes('"$ref"') ? { type: 'object', ...about } : { ...rest, ...about }
  })
  const any = { type: 'object', description: 'Arguments of a tool that has a route of its own, as described there.' }
  return {
    description: 'The arguments of the tool.',
    content: { 'application/json': { schema: { anyOf: [...forms, any] }, example: {} } },
  }
}

function successObject(endpoint: Endpoint, status: number): PlainSchema {
  const { op, answers } = endpoint
  const content = Object.fromEntries(answers.map((type) => [type, { schema: answerSchema(op, type) }]))
  return {
    description: STATUS_CODES[status] ?? 'Success',
    headers: REQUEST_ID,
    ...(BODILESS.has(status) ? {} : { content }),
  }
}

const BODILESS: ReadonlySet<number> = new Set([204, 304])

const BYTES = 'application/octet-stream'
const BINARY = { type: 'string', format: 'binary' }

function answerSchema(op: Operation, type: string): PlainSchema {
  if (type === 'application/json') return { $ref: `#/components/schemas/${op.name}.output` }
  if (type.endsWith('+json')) return { type: 'object' }
  return type.startsWith('text/') || type.endsWith('ndjson') ? { type: 'string' } : BINARY
}
