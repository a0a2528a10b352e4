// Writes what is a projection of the code. In README.md, each between its marks: the API table out of the catalogue
// (`<!-- api -->` to `<!-- /api -->`), the keys of the configuration file out of its schema (`<!-- config -->`), and
// the snippets of MCP clients (`<!-- clients -->`). In docs/config.schema.json: that schema itself.
// With --check nothing is written; a file that differs is exit code 1.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { catalog } from '../src/catalog.ts'
import { CLIENT_NAMES, endpointUrl, snippetFor } from '../src/commands/connect.ts'
import { configSchema } from '../src/config/config-schema.ts'
import type { Operation } from '../src/operation.ts'
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

/** What the tables need of a schema; TypeBox's own types leave these open. */
interface FieldSchema {
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
}

/** A cell of a Markdown table. */
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

/** The route, and what it answers where that is never JSON. */
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
  const { operations } = describing({ catalog, version: '', config: configSchema })
  return [...head, ...[...catalog, ...operations].map(row)].join('\n')
}

/** What the walk below needs of the configuration's schema. */
interface ConfigKey extends FieldSchema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, ConfigKey>>
}

/** These stand in the table of flags, with the same name. */
const WITH_FLAG = ['host', 'port', 'token_file', 'workdir', 'log_level', 'toolsets']

/** The leaves below `schema`, each a row named by its path. */
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

/** Every client's snippet, with variables where the token belongs. */
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

/** `readme` with the part between the marks of `name` renewed; prettier leaves that part alone. */
function renewed(readme: string, name: string, table: string): string {
  const [open, close] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`]
  const [start, end] = [readme.indexOf(open), readme.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`README.md has no marks ${open.trim()} and ${close} around a table`)
  const part = `<!-- prettier-ignore-start -->\n\n${table}\n\n<!-- prettier-ignore-end -->\n`
  return readme.slice(0, start) + open + part + readme.slice(end)
}

function readme(): string {
  const projections = { api: apiTable(), config: configTable(), clients: clientSnippets() }
  const present = readFileSync(join(ROOT, 'README.md'), 'utf8')
  return Object.entries(projections).reduce((text, [name, part]) => renewed(text, name, part), present)
}

/** As /schemas/config serves it. */
function configurationSchema(): string {
  const schema = namedSchemas([], configSchema).get('config')
  if (schema === undefined) throw new Error('the configuration file has no schema')
  return `${JSON.stringify(schemaDocument(schema), undefined, 2)}\n`
}

const wanted = { 'README.md': readme(), 'docs/config.schema.json': configurationSchema() }
for (const [name, text] of Object.entries(wanted)) {
  const file = join(ROOT, name)
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`${name} differs from the code: run \`npm run readme\``)
    process.exitCode = 1
  }
}
