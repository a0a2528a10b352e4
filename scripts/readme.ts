// Writes the parts of README.md that are projections of the code, each between its marks: the API table out of
// the catalogue (`<!-- api -->` to `<!-- /api -->`) and the keys of the configuration file out of its schema
// (`<!-- config -->`), and the snippets of MCP clients (`<!-- clients -->`). With --check nothing is written; a README that differs is exit code 1.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalog } from '../src/catalog.ts'
import { CLIENT_NAMES, endpointUrl, snippetFor } from '../src/commands/connect.ts'
import { configSchema } from '../src/config-schema.ts'
import type { Operation } from '../src/operation.ts'

const README = join(import.meta.dirname, '../README.md')

/** What the table needs of a field's schema; TypeBox's own types leave these open. */
interface FieldSchema {
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
}

/** A cell of a Markdown table. */
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const code = (text: string) => `\`${text}\``

function fieldText(op: Operation, name: string, schema: FieldSchema): string {
  const required = (op.input.required ?? []).includes(name) && schema.default === undefined
  const names = Object.entries(op.aliases ?? {}).flatMap(([alias, of]) => (of === name ? [alias] : []))
  const also = names.length === 0 ? '' : ` (or ${names.map(code).join(', ')})`
  const words = schema.enum === undefined ? '' : ` ${schema.enum.map((word) => code(String(word))).join('/')}`
  const empty = Array.isArray(schema.default) && schema.default.length === 0
  const fallback = schema.default === undefined || empty ? '' : ` = ${code(JSON.stringify(schema.default))}`
  const { minimum, maximum } = schema
  const bounds = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? '' : ` ${minimum ?? ''}–${maximum}`
  return `${required ? `**${code(name)}**` : code(name)}${also}${words}${bounds}${fallback}`
}

function row(op: Operation): string {
  const fields = Object.entries(op.input.properties).map(([name, schema]) => fieldText(op, name, schema as FieldSchema))
  const routes = op.routes.map(({ method, path }) => code(`${method} ${path}`)).join('<br>')
  const toolset = op.tool?.toolset === undefined ? '' : ` (toolset ${code(op.tool.toolset)})`
  const tool = op.tool === undefined ? '' : `${code(op.name)}${toolset}`
  return `| ${[routes, tool, op.summary, fields.join(', ')].map(cell).join(' | ')} |`
}

function apiTable(): string {
  const head = ['| REST | MCP tool | What it does | Fields |', '| --- | --- | --- | --- |']
  return [...head, ...catalog.map(row)].join('\n')
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

/** Every client's snippet, with a word where the token belongs. */
function clientSnippets(): string {
  const place = { url: endpointUrl('127.0.0.1', 9990), token: 'TOKEN' }
  return CLIENT_NAMES.flatMap((client) => {
    const snippet = snippetFor(client, place)
    if (snippet === undefined) return []
    const { title, file, language, text } = snippet
    return [`**${title}** (${code(`connect ${client}`)}): ${file}`, `\`\`\`${language}\n${text}\n\`\`\``]
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

const present = readFileSync(README, 'utf8')
const projections = { api: apiTable(), config: configTable(), clients: clientSnippets() }
const wanted = Object.entries(projections).reduce((readme, [name, part]) => renewed(readme, name, part), present)
if (!process.argv.includes('--check')) {
  writeFileSync(README, wanted)
} else if (wanted !== present) {
  console.error('README.md differs from the code: run `npm run readme`')
  process.exitCode = 1
}
