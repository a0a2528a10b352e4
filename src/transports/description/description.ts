// The daemon describes itself: /openapi.json, /schemas and the resource runtime://openapi. They are operations like all
// others, and described with them, but made from the catalogue, so they join it where the daemon is composed. A
// document is rendered when a client first asks after a change of the catalogue.

import { Fault, quote } from '../../base/fault.ts'
import { nearest } from '../../base/nearest.ts'
import { ByteStream, operation, type Operation } from '../../operation.ts'
import { perVersion, type Catalog } from '../../shelf.ts'
import { resourceContents, type ResourceKind } from '../../resource.ts'
import { text, Type } from '../../schema.ts'
import { openapi } from './openapi.ts'
import { namedSchemas, schemaDocument } from './endpoint.ts'

export interface DescriptionParts {
  /** Operations that are offered. */
  readonly catalog: Catalog
  readonly version: string
  /** Schema of the configuration file. */
  readonly config: { readonly properties: object }
}

export interface Description {
  /** Operations to be offered with those of the catalogue. */
  readonly operations: readonly Operation[]
  readonly kind: ResourceKind
}

const OPENAPI_TYPE = 'application/openapi+json'
const SCHEMA_TYPE = 'application/schema+json'

export function describing({ catalog, version, config }: DescriptionParts): Description {
  const document = perVersion(catalog, (offered) =>
    JSON.stringify(openapi({ catalog: [...offered, ...operations], version, introduction: opening(config) })),
  )
  const schemas = perVersion(catalog, (offered) => namedSchemas([...offered, ...operations], config))
  const operations = [
    openapiOperation(document),
    schemaList(() => [...schemas().values()].map(({ name, title }) => ({ name, title, path: `/schemas/${name}` }))),
    schemaGet((name) => {
      const found = schemas().get(name)
      if (found === undefined) throw noSchema(name, [...schemas().keys()])
      return JSON.stringify(schemaDocument(found))
    }),
  ] as unknown as readonly Operation[] // each is an Operation of its own schemas, as in the catalogue
  return { operations, kind: openapiKind(document) }
}

function opening({ properties }: DescriptionParts['config']): string {
  const limits = 'limits' in properties ? (properties.limits as { properties: object }).properties : {} // a schema
  return introduction({ ...limits })
}

function openapiOperation(document: () => string) {
  return operation({
    name: 'openapi',
    title: 'API description',
    summary: 'Describes the REST API as an OpenAPI 3.1 document.',
    scope: 'none',
    area: 'This runtime',
    input: Type.Object({}),
    output: Type.Object({}),
    routes: [{ method: 'GET', path: '/openapi.json', answers: OPENAPI_TYPE }],
    example: {},
    run: () => Promise.resolve(jsonBytes(document(), OPENAPI_TYPE)),
  })
}

function schemaList(list: () => { name: string; title: string; path: string }[]) {
  return operation({
    name: 'schema_list',
    title: 'List schemas',
    summary: 'Names the JSON Schemas there are: of inputs, replies, the error body and the configuration file.',
    scope: 'none',
    area: 'This runtime',
    input: Type.Object({}),
    output: Type.Object({
      schemas: Type.Array(
        Type.Object({
          name: Type.String(),
          title: Type.String(),
          path: Type.String({ description: 'Where it is served' }),
        }),
      ),
    }),
    routes: [{ method: 'GET', path: '/schemas' }],
    example: {},
    run: () => Promise.resolve({ schemas: list() }),
  })
}

function schemaGet(find: (name: string) => string) {
  return operation({
    name: 'schema_get',
    title: 'Get a schema',
    summary: 'Returns one JSON Schema (2020-12): `config`, `error`, or that of an operation.',
    scope: 'none',
    area: 'This runtime',
    input: Type.Object({ name: text('As `/schemas` names it, such as `file_read.input`.', { maxLength: 100 }) }),
    output: Type.Object({}),
    routes: [{ method: 'GET', path: '/schemas/:name', answers: SCHEMA_TYPE }],
    statuses: [404],
    example: { name: 'config' },
    // Asynchronous, so that an exception becomes a rejection.
    run: async ({ name }) => jsonBytes(find(name.replace(/\.json$/, '')), SCHEMA_TYPE),
  })
}

function noSchema(name: string, names: readonly string[]): Fault {
  const close = nearest(name, names)
  const hint = close === undefined ? '/schemas names them all' : `did you mean ${quote(close)}?`
  return new Fault('not_found', `there is no schema ${quote(name)}; ${hint}`, { details: { field: 'name' } })
}

/** Returns a finished document: it has no `success` among its own keys. */
function jsonBytes(json: string, type: string): ByteStream {
  const bytes = Buffer.from(json)
  async function* chunks() {
    yield bytes
  }
  return new ByteStream({ headers: { 'content-type': type }, size: bytes.byteLength }, chunks())
}

function openapiKind(document: () => string): ResourceKind {
  return {
    template: 'runtime://openapi',
    name: 'openapi',
    title: 'API description',
    description: 'The REST API of this runtime as an OpenAPI 3.1 document.',
    mimeType: OPENAPI_TYPE,
    read: operation({
      name: 'resource_openapi',
      title: 'API description',
      summary: 'Returns the OpenAPI document of the REST API.',
      scope: 'none',
      input: Type.Object({}),
      output: resourceContents,
      routes: [],
      run: () => Promise.resolve({ mime_type: OPENAPI_TYPE, text: document() }),
    }),
  }
}

/** The parts of the configuration's schema that are needed here; TypeBox's types leave them open. */
interface Limit {
  readonly description?: string
  readonly default?: unknown
  readonly maximum?: number
}

const PAGE = `Files, search, commands, terminals, watchers and previews of one workspace.

**Credential.** Every route but \`/health\` takes \`Authorization: Bearer <token>\`. A WebSocket may send \`?token=\` instead.

**Fields** travel where each route says. A query field counts as one of the body too, and every method but GET takes a
JSON body; a field that is in both is that of the body. A list is an array, a repeated key or one comma-separated string. \`true\`, \`false\` and numbers may be
sent as strings. A field that means nothing is not an error: the reply names it in \`ignored\`. A path
is absolute, or relative to the working directory that \`/runtime\` names.
Some fields have other names too; where both are sent the other name wins.

**Replies** are JSON objects with \`success: true\`. A failure has \`success: false\`, a sentence, and a \`code\` of a closed
list. The exit code of a command is a result, not a failure. GET answers HEAD too. No reply is to be cached.

**Other machines.** \`/runtimes/{target}\` before any path asks the daemon configured under that name.

**Schemas.** \`/schemas\` names the JSON Schema of every input, every reply and of the configuration file.

**Limits**, unless configured otherwise:
`

/** `limits`: the schemas of the keys below \`limits\` in the configuration file. */
function introduction(limits: Readonly<Record<string, Limit>>): string {
  const rows = Object.entries(limits).map(([name, limit]) => {
    const usual = limit.default === 0 ? 'off' : String(limit.default)
    const most = limit.maximum === undefined ? '' : `, at most ${limit.maximum}`
    return `- \`limits.${name}\`: ${limit.description ?? ''}: ${usual}${most}`
  })
  return `${PAGE}\n${rows.join('\n')}\n`
}
