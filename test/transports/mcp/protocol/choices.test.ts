// Choices of a caller for its connection: by header, by query, by both; a typing error is refused.

import t from 'tap'
import { catalog } from '../../../../src/catalog.ts'
import { setOf } from '../../../../src/operation.ts'
import { chosen, NO_CHOICES, readChoices, type Choices } from '../../../../src/transports/mcp/protocol/choices.ts'

const KNOWN = ['files', 'search', 'exec', 'extra']
const read = (headers: Record<string, string>, query = '') => readChoices(headers, new URLSearchParams(query), KNOWN)

t.test('headers and query', async (t) => {
  const table: [Record<string, string>, string, Partial<Choices>][] = [
    [{}, '', NO_CHOICES],
    [{ 'x-mcp-format': 'text' }, '', { format: 'text' }],
    [{}, 'format=text', { format: 'text' }],
    [{ 'x-mcp-format': 'json' }, 'format=text', { format: 'json' }],
    [{ 'x-mcp-toolsets': 'files, exec' }, '', { toolsets: [['files', 'exec']] }],
    [
      { 'x-mcp-toolsets': 'files,exec' },
      'toolsets=exec,search',
      {
        toolsets: [
          ['files', 'exec'],
          ['exec', 'search'],
        ],
      },
    ],
    [{ 'x-mcp-readonly': 'true' }, '', { readOnly: true }],
    [{ 'x-mcp-readonly': 'false' }, 'readonly=1', { readOnly: true }],
    [{ 'x-mcp-readonly': '0' }, 'readonly=false', { readOnly: false }],
    [{}, 'readonly', { readOnly: true }],
  ]
  for (const [headers, query, wanted] of table) t.match(read(headers, query), wanted, JSON.stringify([headers, query]))
})

t.test('a slip is refused by name', async (t) => {
  t.equal(
    read({}, 'toolsets=flies'),
    'there is no toolset "flies"; accepted are default, files, search, exec, extra; did you mean "files"?',
  )
  t.match(read({ 'x-mcp-format': 'xml' }), /no result format "xml"; accepted are json, text/)
  t.match(read({}, 'readonly=yes'), /no value of readonly "yes"/)
})

t.test('what is chosen', async (t) => {
  const names = (more: Partial<Choices>, usual?: string[]) =>
    catalog.filter((op) => op.tool !== undefined && chosen(op, { ...NO_CHOICES, ...more }, usual)).map((op) => op.name)
  const all = names({})
  t.equal(all.length, 23, 'the default')
  t.strictSame(names({ toolsets: [['default']] }), all)
  t.strictSame(names({ toolsets: [['search']] }), ['search_content', 'search_files', 'search_init'])
  t.strictSame(
    names({
      toolsets: [
        ['files', 'search'],
        ['search', 'exec'],
      ],
    }).length,
    3,
    'both bind',
  )
  t.strictSame(names({ toolsets: [['search']], readOnly: true }), ['search_content', 'search_files'])
  t.strictSame(names({ toolsets: [[]] }), [])
  const readable = names({ readOnly: true })
  t.ok(readable.length > 5 && readable.every((name) => all.includes(name)))
  t.notOk(readable.some((name) => /write|delete|run|input|create|mkdir|init/.test(name)))
  const extra = [...new Set(catalog.filter((op) => op.tool?.toolset !== undefined).map(setOf))]
  t.ok(extra.length > 0)
  t.ok(names({}, ['default', ...extra]).length > 23, 'the daemon was started with it')
  t.strictSame(names({}, ['search']), names({ toolsets: [['search']] }), 'a start takes the names that a caller takes')
  t.strictSame(names({ toolsets: [['default']] }, ['search']), all, 'what a caller names replaces it')
  t.strictSame(names({ toolsets: [['default', ...extra]] }), names({}, ['default', ...extra]))
  t.strictSame(names({ toolsets: [['terminal']] }), [
    'terminal_create',
    'terminal_list',
    'terminal_scrollback',
    'terminal_delete',
    'terminal_input',
    'terminal_resize',
  ])
})
