// The real catalogue as tools: every tool has a form that all clients accept.

import t from 'tap'
import { catalogWith } from '../../../src/catalog.ts'
import { fixed } from '../../../src/shelf.ts'
import { instructions } from '../../../src/transports/mcp/product/instructions.ts'
import { openTools } from '../../../src/transports/mcp/product/tools.ts'
import { ANYONE } from './fixture.ts'

interface Listed {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: {
    readonly type: string
    readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>
    readonly required?: readonly string[]
    readonly additionalProperties: boolean
  }
  readonly outputSchema: { readonly type: string; readonly required: readonly string[] }
  readonly annotations: Readonly<Record<string, unknown>>
}

const tools = openTools(fixed(catalogWith([]))).list(ANYONE, true) as readonly Listed[]

/** The tools, exactly these in this order (protocol.md#tools); hints: readOnly, destructive, idempotent, openWorld. */
const TOOLS: readonly (readonly [name: string, required: readonly string[], hints: string])[] = [
  ['file_list', [], 'r-i-'],
  ['file_read', ['path'], 'r-i-'],
  ['file_write', ['path', 'content'], '-d--'],
  ['file_mkdir', ['path'], '--i-'],
  ['file_stat', ['path'], 'r-i-'],
  ['file_delete', ['path'], '-di-'],
  ['search_content', ['q'], 'r-i-'],
  ['search_files', ['q'], 'r-i-'],
  ['search_init', [], '--i-'],
  ['exec_run', ['command'], '-d-o'],
  ['exec_list', [], 'r-i-'],
  ['exec_get', ['id'], 'r-i-'],
  ['exec_input', ['id'], '-d-o'],
  ['exec_delete', ['id'], '-di-'],
  ['exec_delete_all', [], '-di-'],
  ['terminal_create', [], '---o'],
  ['terminal_list', [], 'r-i-'],
  ['terminal_scrollback', ['id'], 'r-i-'],
  ['terminal_delete', ['id'], '-di-'],
  ['watcher_create', ['path'], '----'],
  ['watcher_list', [], 'r-i-'],
  ['watcher_get', ['id'], 'r-i-'],
  ['watcher_delete', ['id'], '--i-'],
]

t.test('the tools, their required arguments and their hints', (t) => {
  const hint = (tool: Listed, name: string, letter: string) => (tool.annotations[name] === true ? letter : '-')
  const found = tools.map((tool) => [
    tool.name,
    tool.inputSchema.required ?? [],
    hint(tool, 'readOnlyHint', 'r') +
      hint(tool, 'destructiveHint', 'd') +
      hint(tool, 'idempotentHint', 'i') +
      hint(tool, 'openWorldHint', 'o'),
  ])
  t.same(found, TOOLS)
  t.end()
})

t.test('the parameters of a tool over MCP', (t) => {
  const parameters = (name: string) =>
    Object.keys(tools.find((tool) => tool.name === name)?.inputSchema.properties ?? {})
  for (const name of ['path', 'nested', 'light', 'include_hash', 'include_content', 'code_files_only', 'flatten']) {
    t.ok(parameters('file_list').includes(name), name)
  }
  for (const name of ['command', 'timeout_seconds', 'keep_logs', 'exec_mode', 'ttl_seconds', 'cwd', 'env', 'stdin']) {
    t.ok(parameters('exec_run').includes(name), name)
  }
  t.notOk(parameters('exec_run').includes('stream'), 'a stream is not for MCP')
  t.same(parameters('file_stat'), ['path', 'hash'])
  t.end()
})

for (const tool of tools) {
  t.test(`${tool.name} is described in the form that every client takes`, (t) => {
    t.match(tool.name, /^[a-z_]{1,40}$/)
    t.ok(tool.title.length > 0)
    t.ok(tool.description.length < 600, `${tool.description.length} characters`)
    t.equal(tool.inputSchema.type, 'object')
    t.equal(tool.inputSchema.additionalProperties, false)
    t.equal(tool.outputSchema.type, 'object')
    t.ok(tool.outputSchema.required.includes('success'))
    for (const [name, field] of Object.entries(tool.inputSchema.properties)) {
      t.type(field['type'], 'string', `${name} has one type`)
      t.ok(typeof field['description'] === 'string' && field['description'].length > 5, `${name} is described`)
      if (field['default'] !== undefined) t.notOk(tool.inputSchema.required?.includes(name), `${name} has a default`)
    }
    const text = JSON.stringify(tool)
    t.notMatch(text, /"(\$ref|\$defs|kind|x-mcp-header)":/)
    t.notMatch(JSON.stringify(tool.inputSchema), /"(anyOf|oneOf|allOf)":/)
    t.end()
  })
}

t.test('the instructions stand alone within 512 characters and name the directory', (t) => {
  t.match(instructions('/home/dev/project'), /Commands start in \/home\/dev\/project\./)
  for (const workdir of ['/', '/root', `/${'x'.repeat(40)}`, `/${'x'.repeat(4000)}`])
    t.ok(instructions(workdir).length <= 512)
  for (const name of instructions('/').match(/\b[a-z]+_[a-z]+\b/g) ?? []) {
    t.ok(
      tools.some((tool) => tool.name === name || name in tool.inputSchema.properties),
      `${name} exists`,
    )
  }
  t.end()
})
