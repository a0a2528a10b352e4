// `connect <client>`: shows the configuration by which an MCP client reaches this daemon. No file of a snippet holds
// the token, since such files are committed and shared: a client that knows variables reads it from one, and a client
// that starts programs starts `stdio`, which reads the daemon's token file. Pure.

import { resolve } from 'node:path'
import { reachable } from '../transports/origin.ts'

export interface Place {
  /** Address of the endpoint, with its query. */
  readonly url: string
  /** Command that starts `stdio` for this daemon. */
  readonly stdio: readonly [string, ...string[]]
  /** If given, the snippet itself has the token, for a client on a machine where no variable can be set. */
  readonly token: string | undefined
}

export interface Snippet {
  /** The client's name for people. */
  readonly title: string
  /** File that the text belongs into. */
  readonly file: string
  readonly language: 'json' | 'toml'
  readonly text: string
  /** Command of the client that does the same, for a POSIX shell; absent if it has none. */
  readonly command?: string
  /** True if the client reads the token from the variable TOKEN_VARIABLE. */
  readonly needsVariable: boolean
}

const NAME = 'workspace'

/** Variable from which clients and our commands read the token. */
export const TOKEN_VARIABLE = 'WORKSPACE_RUNTIME_TOKEN'

/** Path of the endpoint. It asks for text: models read it better than JSON, and some clients drop one of the two. */
export const ENDPOINT = '/mcp?format=text'

interface Entry {
  readonly title: string
  readonly file: string
  /** Reference to the variable in the client's file; absent: the client only starts programs. */
  readonly variable?: string
  readonly value: (place: Place, headers: object) => object
  readonly command?: (place: Place) => string
}

const CLIENTS: Readonly<Record<string, Entry>> = {
  'claude-code': {
    title: 'Claude Code',
    file: '.mcp.json in the project',
    variable: `\${${TOKEN_VARIABLE}}`,
    value: ({ url }, headers) => ({ mcpServers: { [NAME]: { type: 'http', url, headers } } }),
    command: ({ stdio }) => `claude mcp add ${NAME} -- ${shellWords(stdio)}`,
  },
  'claude-desktop': {
    title: 'Claude Desktop',
    file: 'claude_desktop_config.json (Settings, Developer)',
    value: ({ stdio: [command, ...args] }) => ({ mcpServers: { [NAME]: { command, args } } }),
  },
  cursor: {
    title: 'Cursor',
    file: '~/.cursor/mcp.json, or .cursor/mcp.json in the project',
    variable: `\${env:${TOKEN_VARIABLE}}`,
    value: ({ url }, headers) => ({ mcpServers: { [NAME]: { url, headers } } }),
  },
  vscode: {
    title: 'VS Code',
    file: '.vscode/mcp.json in the project',
    variable: '${input:workspace-runtime-token}',
    value: ({ url, token }, headers) => ({
      ...(token === undefined && {
        inputs: [
          {
            type: 'promptString',
            id: 'workspace-runtime-token',
            description: 'Token of the workspace runtime (workspace-runtime token show)',
            password: true,
          },
        ],
      }),
      servers: { [NAME]: { type: 'http', url, headers } },
    }),
    command: ({ stdio: [command, ...args] }) =>
      `code --add-mcp ${shellWords([JSON.stringify({ name: NAME, command, args })])}`,
  },
  gemini: {
    title: 'Gemini CLI',
    file: '~/.gemini/settings.json',
    variable: `\${${TOKEN_VARIABLE}}`,
    value: ({ url }, headers) => ({ mcpServers: { [NAME]: { httpUrl: url, headers } } }),
    command: ({ stdio }) => `gemini mcp add ${NAME} ${shellWords(stdio)}`,
  },
}

/** Returns TOML, with a key for the variable's name. */
function codex({ url, token }: Place): Snippet {
  const secret =
    token === undefined
      ? `bearer_token_env_var = ${JSON.stringify(TOKEN_VARIABLE)}`
      : `http_headers = { Authorization = ${JSON.stringify(`Bearer ${token}`)} }`
  return {
    title: 'Codex CLI',
    file: '~/.codex/config.toml',
    language: 'toml',
    text: [`[mcp_servers.${NAME}]`, `url = ${JSON.stringify(url)}`, secret, 'tool_timeout_sec = 120'].join('\n'),
    command: `codex mcp add ${NAME} --url ${shellWords([url])} --bearer-token-env-var ${TOKEN_VARIABLE}`,
    needsVariable: token === undefined,
  }
}

export const CLIENT_NAMES: readonly string[] = ['claude-code', 'claude-desktop', 'cursor', 'vscode', 'codex', 'gemini']

/** Returns undefined for a client that is not known here. */
export function snippetFor(client: string, place: Place): Snippet | undefined {
  if (client === 'codex') return codex(place)
  const entry = Object.hasOwn(CLIENTS, client) ? CLIENTS[client] : undefined
  if (entry === undefined) return undefined
  const { title, file, variable, value, command } = entry
  const headers = { Authorization: `Bearer ${place.token ?? variable ?? ''}` }
  return {
    title,
    file,
    language: 'json',
    text: JSON.stringify(value(place, headers), undefined, 2),
    ...(command === undefined ? {} : { command: command(place) }),
    needsVariable: place.token === undefined && variable?.includes(TOKEN_VARIABLE) === true,
  }
}

/** Returns the endpoint of a daemon bound to `host`; every address of the machine is reached over loopback. */
export function endpointUrl(host: string, port: number): string {
  return `http://${reachable(host)}:${port}${ENDPOINT}`
}

/** Returns `--url` as the endpoint: `/mcp` if it has no path, and text unless it asks for another format. */
export function endpointOf(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  if (url.pathname === '/') url.pathname = '/mcp'
  if (!url.searchParams.has('format')) url.searchParams.set('format', 'text')
  return url.href
}

/** Flags that lead `stdio` to the same daemon; those that name a file are made absolute. */
const LEADING = { url: false, host: false, port: false, 'token-file': true, config: true } as const
/** Variables that lead to the same daemon, and that a client which starts programs does not pass on. */
const LEADING_VARIABLES = ['STATE_DIRECTORY', 'XDG_STATE_HOME']

/**
 * Returns the command line that starts `stdio` for the daemon that the flags mean. `program`: the start of this
 * process, by absolute paths.
 */
export function stdioCommand(
  flags: Readonly<Record<string, string | boolean | undefined>>,
  environment: Readonly<Record<string, string>>,
  program: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  const args = Object.entries(LEADING).flatMap(([name, isFile]) => {
    const value = flags[name]
    return typeof value === 'string' ? [`--${name}`, isFile ? resolve(value) : value] : []
  })
  const set = LEADING_VARIABLES.flatMap((name) => (environment[name] ? [`${name}=${environment[name]}`] : []))
  const [first, ...rest] = program
  return set.length === 0 ? [first, ...rest, 'stdio', ...args] : ['env', ...set, ...program, 'stdio', ...args]
}

/** Quotes words for a POSIX shell. */
function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
