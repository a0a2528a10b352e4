// The snippets for MCP clients: those of the README are those that `connect` prints, and each is parsed as its
// client does and connects an SDK client to a daemon with the URL and the headers it names.

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import t from 'tap'
import { CLIENT_NAMES, endpointUrl, snippetFor } from '../../src/commands/connect.ts'
import { COMMAND, startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

interface Parsed {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

interface Entry {
  readonly type?: string
  readonly url?: string
  readonly httpUrl?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What mcp-remote makes of its arguments. */
function remote({ args = [], env = {} }: Entry): Parsed {
  const at = args.indexOf('--header')
  const [name = '', value = ''] = (args[at + 1] ?? '').split(/:(.*)/)
  const filled = value.replace(/\$\{(\w+)\}/, (_, variable: string) => env[variable] ?? '')
  return { url: args.find((one) => one.startsWith('http')) ?? '', headers: { [name]: filled } }
}

const entryOf = (text: string, key: string): Entry =>
  (JSON.parse(text) as Record<string, Record<string, Entry>>)[key]?.['workspace'] ?? {}

const plain = ({ url, httpUrl, headers = {} }: Entry): Parsed => ({ url: url ?? httpUrl ?? '', headers })

/** As each client reads its file. */
const PARSERS: Readonly<Record<string, (text: string) => Parsed>> = {
  'claude-code': (text) => {
    const entry = entryOf(text, 'mcpServers')
    t.equal(entry.type, 'http', 'an entry with a URL and no type is read as stdio')
    return plain(entry)
  },
  'claude-desktop': (text) => remote(entryOf(text, 'mcpServers')),
  cursor: (text) => plain(entryOf(text, 'mcpServers')),
  vscode: (text) => plain(entryOf(text, 'servers')),
  codex: (text) => ({
    url: /^url = "(.*)"$/m.exec(text)?.[1] ?? '',
    headers: { Authorization: /^http_headers = \{ Authorization = "(.*)" \}$/m.exec(text)?.[1] ?? '' },
  }),
  gemini: (text) => plain(entryOf(text, 'mcpServers')),
}

async function toolsVia({ url, headers }: Parsed): Promise<number> {
  const client = new Client({ name: 'snippet', version: '0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  const { tools } = await client.listTools()
  await client.close()
  return tools.length
}

let daemon: Daemon
t.before(async () => {
  daemon = await startDaemon(t)
})

t.test('every snippet of the README connects', async (t) => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
  const found = [...readme.matchAll(/\(`connect ([\w-]+)`\)[^\n]*\n\n```(\w+)\n([^]*?)\n```/g)]
  t.strictSame(
    found.map(([, client]) => client),
    CLIENT_NAMES,
  )
  for (const [, client = '', , text = ''] of found) {
    const filled = text.replaceAll('127.0.0.1:9990', `127.0.0.1:${daemon.port}`).replaceAll('TOKEN', TOKEN)
    const parsed = PARSERS[client]?.(filled)
    t.equal(parsed === undefined ? 0 : await toolsVia(parsed), 23, client)
  }
})

t.test('connect prints them with address and token filled in, alone on stdout', async (t) => {
  const [command = '', ...args] = COMMAND
  const env = { ...process.env, RUNTIME_TOKEN: TOKEN, RUNTIME_PORT: String(daemon.port) }
  for (const client of CLIENT_NAMES) {
    const { stdout, stderr, status } = spawnSync(command, [...args, 'connect', client], { env, encoding: 'utf8' })
    t.equal(status, 0)
    t.match(stderr, /: put this into /)
    const parsed = PARSERS[client]?.(stdout)
    t.strictSame(
      parsed,
      { url: `${daemon.url}/mcp?format=text`, headers: { Authorization: `Bearer ${TOKEN}` } },
      client,
    )
  }
  const elsewhere = ['connect', 'cursor', '--url', 'https://gateway.example/mcp']
  t.match(
    execFileSync(command, [...args, ...elsewhere], { env, encoding: 'utf8', stdio: 'pipe' }),
    '"https://gateway.example/mcp"',
  )
  for (const wrong of [['connect'], ['connect', 'emacs'], ['connect', 'cursor', '--url', 'nowhere']]) {
    const { status, stderr } = spawnSync(command, [...args, ...wrong], { env, encoding: 'utf8' })
    t.equal(status, 2)
    t.match(stderr, /^workspace-runtime: [^\n]+\n$/)
  }
})

t.test('addresses', async (t) => {
  t.equal(endpointUrl('0.0.0.0', 1), 'http://127.0.0.1:1/mcp?format=text')
  t.equal(endpointUrl('::', 1), 'http://[::1]:1/mcp?format=text')
  t.equal(endpointUrl('10.1.2.3', 9990), 'http://10.1.2.3:9990/mcp?format=text')
  const far = snippetFor('claude-desktop', { url: 'http://10.1.2.3:9990/mcp', token: 'x' })
  t.match(far?.text, /--allow-http/)
  t.notMatch(snippetFor('claude-desktop', { url: 'https://a.b/mcp', token: 'x' })?.text, /--allow-http/)
  t.equal(snippetFor('constructor', { url: 'http://a/', token: '' }), undefined)
})
