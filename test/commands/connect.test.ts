// The snippets for MCP clients: those of the README are those that `connect` prints, and each is parsed as its
// client does and connects an SDK client to a daemon, by the URL and the headers it names or by the program it starts.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import t from 'tap'
import { CLIENT_NAMES, endpointUrl, snippetFor } from '../../src/commands/connect.ts'
import { runCommand } from '../support/command.ts'
import { COMMAND, startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

const ROOT = join(import.meta.dirname, '../..')

interface Parsed {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

interface Started {
  readonly command: string
  readonly args: readonly string[]
}

interface Entry extends Partial<Started> {
  readonly type?: string
  readonly url?: string
  readonly httpUrl?: string
  readonly headers?: Readonly<Record<string, string>>
}

const entryOf = (text: string, key: string): Entry =>
  (JSON.parse(text) as Record<string, Record<string, Entry>>)[key]?.['workspace'] ?? {}

/** What is in the client's place of variables, by the form in which its file names one. */
const filled = (text: string, form: RegExp, value: string): string => text.replaceAll(form, value)

const plain = ({ url, httpUrl, headers = {} }: Entry, form: RegExp): Parsed => ({
  url: url ?? httpUrl ?? '',
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, filled(text, form, TOKEN)])),
})

const started = ({ command = '', args = [] }: Entry): Started => ({ command, args })

/** As each client reads its file, with the variable set. */
const PARSERS: Readonly<Record<string, (text: string) => Parsed | Started>> = {
  'claude-code': (text) => {
    const entry = entryOf(text, 'mcpServers')
    t.equal(entry.type, 'http', 'an entry with a URL and no type is read as stdio')
    return plain(entry, /\$\{WORKSPACE_RUNTIME_TOKEN\}/g)
  },
  'claude-desktop': (text) => started(entryOf(text, 'mcpServers')),
  cursor: (text) => plain(entryOf(text, 'mcpServers'), /\$\{env:WORKSPACE_RUNTIME_TOKEN\}/g),
  vscode: (text) => {
    const { inputs } = JSON.parse(text) as { inputs?: readonly { id: string; password: boolean }[] }
    if (inputs !== undefined) t.match(inputs, [{ id: 'workspace-runtime-token', password: true }])
    return plain(entryOf(text, 'servers'), /\$\{input:workspace-runtime-token\}/g)
  },
  codex: (text) => ({
    url: /^url = "(.*)"$/m.exec(text)?.[1] ?? '',
    headers: {
      Authorization: /^bearer_token_env_var = "WORKSPACE_RUNTIME_TOKEN"$/m.test(text)
        ? `Bearer ${TOKEN}`
        : (/^http_headers = \{ Authorization = "(.*)" \}$/m.exec(text)?.[1] ?? ''),
    },
  }),
  gemini: (text) => plain(entryOf(text, 'mcpServers'), /\$\{WORKSPACE_RUNTIME_TOKEN\}/g),
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

/** Started as a desktop client does: with an environment of its own, which has no variable of ours. */
async function toolsOfProgram({ command, args }: Started): Promise<number> {
  const client = new Client({ name: 'snippet', version: '0' })
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nowhere' }
  await client.connect(new StdioClientTransport({ command, args: [...args], env, stderr: 'ignore' }))
  const { tools } = await client.listTools()
  await client.close()
  return tools.length
}

t.test('every snippet of the README connects', async (t) => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
  const found = [...readme.matchAll(/\(`connect ([\w-]+)`\)[^\n]*\n\n```(\w+)\n([^]*?)\n```/g)]
  t.strictSame(
    found.map(([, client]) => client),
    CLIENT_NAMES,
  )
  for (const [, client = '', , text = ''] of found) {
    const parsed = PARSERS[client]?.(text.replaceAll('127.0.0.1:9990', `127.0.0.1:${daemon.port}`))
    if (parsed !== undefined && 'url' in parsed) t.equal(await toolsVia(parsed), 23, client)
    else t.match(parsed, { command: 'workspace-runtime', args: ['stdio'] }, client)
  }
})

t.test('connect finds the daemon on its port, prints no token, and what it prints connects', async (t) => {
  const home = t.testdir()
  const state = join(home, 'state')
  const kept = await startDaemon(t, { env: { RUNTIME_TOKEN: undefined as never, STATE_DIRECTORY: state, HOME: home } })
  const token = readFileSync(join(state, 'token'), 'utf8').trim()
  const env = { STATE_DIRECTORY: state, HOME: home }
  for (const client of CLIENT_NAMES) {
    const { stdout, stderr, code } = await runCommand(['connect', client], env)
    t.equal(code, 0)
    t.match(stderr, /: put this into /)
    t.notMatch(stdout + stderr, token)
    const parsed = PARSERS[client]?.(stdout)
    if (parsed !== undefined && 'command' in parsed) t.equal(await toolsOfProgram(parsed), 23, client)
    else t.match(parsed, { url: `${kept.url}/mcp?format=text`, headers: { Authorization: `Bearer ${TOKEN}` } }, client)
    const own = /^or run: .* -- env (STATE_DIRECTORY=\S+) (.*)$/m.exec(stderr)
    if (client === 'claude-code') t.match(own?.[1], `STATE_DIRECTORY=${state}`)
  }
  const open = await runCommand(['connect', 'codex', '--with-token'], env)
  t.match(open.stdout, `Authorization = "Bearer ${token}"`)
})

t.test('the program is named by its absolute path, however it was started', async (t) => {
  const [command = '', ...args] = COMMAND
  const near = [command, ...args].map((word) => (word.startsWith('/') ? relative(ROOT, word) : word))
  const [program = '', ...rest] = near.map((word, index) => (index === 0 ? `./${word}` : word))
  const env = { HOME: t.testdir(), PATH: process.env['PATH'] ?? '' }
  const { stdout } = spawnSync(program, [...rest, 'connect', 'claude-desktop'], { cwd: ROOT, env, encoding: 'utf8' })
  const shown = started(entryOf(stdout, 'mcpServers'))
  t.strictSame([shown.command, ...shown.args], [command, ...args, 'stdio'])
})

t.test('--url is an endpoint, in the format text unless it names another', async (t) => {
  const env = { HOME: t.testdir() }
  for (const [url, endpoint] of [
    ['https://gateway.example', 'https://gateway.example/mcp?format=text'],
    ['https://gateway.example/mcp', 'https://gateway.example/mcp?format=text'],
    ['https://gateway.example/mcp?format=json', 'https://gateway.example/mcp?format=json'],
    ['https://gateway.example/w/7/mcp?toolsets=files', 'https://gateway.example/w/7/mcp?toolsets=files&format=text'],
  ] as const) {
    const { stdout } = await runCommand(['connect', 'cursor', '--url', url], env)
    t.match(PARSERS['cursor']?.(stdout), { url: endpoint })
  }
  const desktop = await runCommand(['connect', 'claude-desktop', '--url', 'https://gateway.example'], env)
  const [, ...args] = started(entryOf(desktop.stdout, 'mcpServers')).args.slice(-3)
  t.strictSame(args, ['--url', 'https://gateway.example'])
  for (const wrong of [
    ['connect'],
    ['connect', 'emacs'],
    ['connect', 'cursor', '--url', 'nowhere'],
    ['connect', 'cursor', '--url', 'ftp://x'],
    ['stdio', '--url', 'ftp://x'],
  ]) {
    const { code, stderr } = await runCommand(wrong, env)
    t.equal(code, 2)
    t.match(stderr, /^workspace-runtime: [^\n]+\n$/)
  }
  t.strictSame(
    readdirSync(env.HOME).filter((name) => name === '.local'),
    [],
    'no token is made',
  )
})

t.test('addresses', async (t) => {
  t.equal(endpointUrl('0.0.0.0', 1), 'http://127.0.0.1:1/mcp?format=text')
  t.equal(endpointUrl('::', 1), 'http://[::1]:1/mcp?format=text')
  t.equal(endpointUrl('10.1.2.3', 9990), 'http://10.1.2.3:9990/mcp?format=text')
  t.equal(snippetFor('constructor', { url: 'http://a/', stdio: ['x'], token: '' }), undefined)
  const odd = snippetFor('claude-code', { url: 'http://a/', stdio: ["/it's here/x", 'stdio'], token: undefined })
  t.match(odd?.command, String.raw`-- '/it'\''s here/x' stdio`)
})
