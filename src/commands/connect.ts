// `connect <client>`: what to put where, so that an MCP client reaches this daemon (mcp.md 3.1 to 3.4). The
// README shows the same snippets, and a test connects with what they say. Pure.

export interface Place {
  /** The endpoint with its query. */
  readonly url: string
  readonly token: string
}

export interface Snippet {
  /** The client's name for people. */
  readonly title: string
  /** Where it goes. */
  readonly file: string
  readonly language: 'json' | 'toml'
  readonly text: string
}

const NAME = 'workspace'

/** Models read text better than JSON, and some clients drop one of the two (contract 15.2, mcp.md 3.6). */
export const ENDPOINT = '/mcp?format=text'

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

const json = (title: string, file: string, value: object): Snippet => ({
  title,
  file,
  language: 'json',
  text: JSON.stringify(value, undefined, 2),
})

const CLIENTS: Readonly<Record<string, (place: Place) => Snippet>> = {
  'claude-code': ({ url, token }) =>
    json('Claude Code', '.mcp.json in the project', {
      mcpServers: { [NAME]: { type: 'http', url, headers: bearer(token) } },
    }),
  // It starts programs only; no space after the header's colon, where an argument would be split (mcp.md 3.2).
  'claude-desktop': ({ url, token }) =>
    json('Claude Desktop', 'claude_desktop_config.json (Settings, Developer)', {
      mcpServers: {
        [NAME]: {
          command: 'npx',
          args: ['-y', 'mcp-remote', url, '--header', 'Authorization:${AUTH_HEADER}', ...overPlainHttp(url)],
          env: { AUTH_HEADER: `Bearer ${token}` },
        },
      },
    }),
  cursor: ({ url, token }) =>
    json('Cursor', '~/.cursor/mcp.json, or .cursor/mcp.json in the project', {
      mcpServers: { [NAME]: { url, headers: bearer(token) } },
    }),
  vscode: ({ url, token }) =>
    json('VS Code', '.vscode/mcp.json in the project', {
      servers: { [NAME]: { type: 'http', url, headers: bearer(token) } },
    }),
  codex: ({ url, token }) => ({
    title: 'Codex CLI',
    file: '~/.codex/config.toml',
    language: 'toml',
    text: [
      `[mcp_servers.${NAME}]`,
      `url = ${JSON.stringify(url)}`,
      `http_headers = { Authorization = ${JSON.stringify(`Bearer ${token}`)} }`,
      'tool_timeout_sec = 120',
    ].join('\n'),
  }),
  gemini: ({ url, token }) =>
    json('Gemini CLI', '~/.gemini/settings.json', {
      mcpServers: { [NAME]: { httpUrl: url, headers: bearer(token) } },
    }),
}

export const CLIENT_NAMES: readonly string[] = Object.keys(CLIENTS)

/** Undefined for a client that is not known here. */
export function snippetFor(client: string, place: Place): Snippet | undefined {
  return Object.hasOwn(CLIENTS, client) ? CLIENTS[client]?.(place) : undefined
}

/** The endpoint of a daemon bound to `host`; every address of the machine is reached over loopback. */
export function endpointUrl(host: string, port: number): string {
  return `http://${reachable(host)}:${port}${ENDPOINT}`
}

/** Where an address that is listened on is reached from this machine, as a URL has it. */
export function reachable(host: string): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return reached.includes(':') ? `[${reached}]` : reached
}

/** mcp-remote refuses http to other machines unless told. */
function overPlainHttp(url: string): readonly string[] {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !['127.0.0.1', 'localhost', '[::1]'].includes(hostname) ? ['--allow-http'] : []
}
