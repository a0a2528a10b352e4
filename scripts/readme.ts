// Writes the parts of README.md that are projections of the code: the API table out of the catalogue, between
// the marks `<!-- api -->` and `<!-- /api -->`. With --check nothing is written; a README that differs is
// exit code 1.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalog } from '../src/catalog.ts'
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
  const tool = op.tool === undefined ? '' : code(op.name)
  return `| ${[routes, tool, op.summary, fields.join(', ')].map(cell).join(' | ')} |`
}

function apiTable(): string {
  const head = ['| REST | MCP tool | What it does | Fields |', '| --- | --- | --- | --- |']
  return [...head, ...catalog.map(row)].join('\n')
}

/** The README with its generated part renewed; prettier leaves that part alone. */
function renewed(readme: string): string {
  const parts = /^([\s\S]*<!-- api -->\n)[\s\S]*?(<!-- \/api -->[\s\S]*)$/.exec(readme)
  if (parts === null) throw new Error('README.md has no marks <!-- api --> and <!-- /api --> around its API table')
  const [, before = '', after = ''] = parts
  return `${before}<!-- prettier-ignore-start -->\n\n${apiTable()}\n\n<!-- prettier-ignore-end -->\n${after}`
}

const present = readFileSync(README, 'utf8')
const wanted = renewed(present)
if (!process.argv.includes('--check')) {
  writeFileSync(README, wanted)
} else if (wanted !== present) {
  console.error('README.md differs from the catalogue: run `npm run readme`')
  process.exitCode = 1
}
