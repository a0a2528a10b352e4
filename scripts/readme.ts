// `npm run readme` writes the parts of the documents that are made from the code, each between two marks such as
// `<!-- api -->` and `<!-- /api -->`: the table of docs/api.md from the catalogue, the table of docs/configuration.md
// from the schema of the configuration file, and the snippets of MCP clients in README.md. docs/config.schema.json is
// that schema. With --check it writes nothing, names each file that differs and ends with exit code 1.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalog } from '../src/catalog.ts'
import { CLIENT_NAMES, endpointUrl, snippetFor } from '../src/commands/connect.ts'
import { configSchema } from '../src/config/config-schema.ts'
import type { Operation } from '../src/operation.ts'
import { fixed } from '../src/shelf.ts'
import { describing } from '../src/transports/description/description.ts'
import {
  endpointsOf,
  fieldsOf,
  type Endpoint,
  type Field,
  namedSchemas,
  schemaDocument,
} from '../src/transports/description/endpoint.ts'

const ROOT = join(import.meta.dirname, '..')

/** The parts of a schema that the tables show; the types of TypeBox leave them open. */
interface FieldSchema {
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
}

/** Returns `text` as the cell of a Markdown table. */
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const code = (text: string) => `\`${text}\``

function fieldText({ name, required, aliases, schema, instead }: Field): string {
  const { default: value, enum: choices, minimum, maximum } = schema as FieldSchema
  const others = [...aliases, ...(instead === undefined ? [] : [instead.of])]
  const also = others.length === 0 ? '' : ` (or ${others.map(code).join(', ')})`
  const words = choices === undefined ? '' : ` ${choices.map((word) => code(String(word))).join('/')}`
  const empty = Array.isArray(value) && value.length === 0
  const fallback = value === undefined || empty ? '' : ` = ${code(JSON.stringify(value))}`
  const bounds = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? '' : ` ${minimum ?? ''}–${maximum}`
  return `${required || instead?.needed === true ? `**${code(name)}**` : code(name)}${also}${words}${bounds}${fallback}`
}

/** Returns the route, and the type of its answer if that is never JSON. */
function routeText({ route, answers }: Endpoint): string {
  const told = answers.includes('application/json') ? '' : ` → ${answers.map(code).join(', ')}`
  return `${code(`${route.method} ${route.path}`)}${told}`
}

function row(op: Operation): string {
  const all = fieldsOf(op)
  const own = all.filter(({ name }) => all.every(({ instead }) => instead?.of !== name))
  const fields = own.map(fieldText).join(', ')
  const routes = endpointsOf([op]).map(routeText).join('<br>')
  const toolset = op.tool?.toolset === undefined ? '' : ` (toolset ${code(op.tool.toolset)})`
  const tool = op.tool === undefined ? '' : `${code(op.name)}${toolset}`
  return `| ${[routes, tool, op.summary, fields].map(cell).join(' | ')} |`
}

function apiTable(): string {
  const head = ['| REST | MCP tool | What it does | Fields |', '| --- | --- | --- | --- |']
  const { operations } = describing({ catalog: fixed(catalog), version: '', config: configSchema })
  return [...head, ...[...catalog, ...operations].map(row)].join('\n')
}

/** A key of the configuration file, or an object of keys. */
interface ConfigKey extends FieldSchema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, ConfigKey>>
}

/** Keys that the table of flags shows already. */
const WITH_FLAG = ['host', 'port', 'token_file', 'workdir', 'log_level', 'toolsets']

/** Returns one row for each key below `schema`, named by its path. */
function keyRows(schema: ConfigKey, path: readonly string[]): string[] {
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([name, key]) => keyRows(key, [...path, name]))
  }
  const { minimum, maximum } = schema
  const bounds = maximum === undefined ? '' : ` (${minimum ?? 0}–${maximum})`
  const words = schema.enum === undefined ? '' : `: ${schema.enum.map((word) => code(String(word))).join(', ')}`
  const fallback = schema.default === undefined ? '' : code(JSON.stringify(schema.default))
  return [
    `| ${[code(path.join('.')), `${schema.description}${words}`, `${fallback}${bounds}`].map(cell).join(' | ')} |`,
  ]
}

function configTable(): string {
  const rows = Object.entries(configSchema.properties).flatMap(([name, key]) =>
    WITH_FLAG.includes(name) ? [] : keyRows(key as ConfigKey, [name]),
  )
  return ['| File key | What it sets | Default |', '| --- | --- | --- |', ...rows].join('\n')
}

/** Returns the snippet of every client, with a variable in place of the token. */
function clientSnippets(): string {
  const place = {
    url: endpointUrl('127.0.0.1', 9990),
    stdio: ['workspace-runtime', 'stdio'],
    token: undefined,
  } as const
  return CLIENT_NAMES.flatMap((client) => {
    const snippet = snippetFor(client, place)
    if (snippet === undefined) return []
    const { title, file, language, text, command } = snippet
    const also = command === undefined ? '' : `, or ${code(command)}`
    return [`**${title}** (${code(`connect ${client}`)}): ${file}${also}`, `\`\`\`${language}\n${text}\n\`\`\``]
  }).join('\n\n')
}

/** Returns `page` with a new part between the marks of `name`. Prettier leaves that part alone. */
function renewed(page: string, name: string, part: string): string {
  const [open, close] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`]
  const [start, end] = [page.indexOf(open), page.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`no page has the marks ${open.trim()} and ${close}`)
  const text = `<!-- prettier-ignore-start -->\n\n${part}\n\n<!-- prettier-ignore-end -->\n`
  return page.slice(0, start) + open + text + page.slice(end)
}

const page = (path: string, name: string, part: string): readonly [string, string] => [
  path,
  renewed(readFileSync(join(ROOT, path), 'utf8'), name, part),
]

/** Returns the schema as `GET /schemas/config` serves it. */
function configurationSchema(): string {
  const schema = namedSchemas([], configSchema).get('config')
  if (schema === undefined) throw new Error('the configuration file has no schema')
  return `${JSON.stringify(schemaDocument(schema), undefined, 2)}\n`
}

const wanted = [
  page('README.md', 'clients', clientSnippets()),
  page('docs/api.md', 'api', apiTable()),
  page('docs/configuration.md', 'config', configTable()),
  ['docs/config.schema.json', configurationSchema()] as const,
]
for (const [name, text] of wanted) {
  const file = join(ROOT, name)
  if (!process.argv.includes('--check')) writeFileSync(file, text)
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`${name} differs from the code: run \`npm run readme\``)
    process.exitCode = 1
  }
}
