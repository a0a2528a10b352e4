// Flags, environment, file and defaults become one frozen Config (contract 15.4). The only reader of
// process.env. A wrong value ends the start with exit code 2 and one line that names it.

import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { errnoOf } from './fault.ts'
import { LOG_LEVELS, type LogLevel } from './log.ts'
import { nearest } from './nearest.ts'
import { StartError } from './start-error.ts'

const closed = { additionalProperties: false } as const
const limit = (description: string, fallback: number, maximum: number) =>
  Type.Optional(Type.Integer({ description, default: fallback, minimum: 1, maximum }))

/** The configuration file; published as JSON Schema. Every key may be left out. */
export const configSchema = Type.Object(
  {
    host: Type.Optional(Type.String({ description: 'Address to listen on', default: '127.0.0.1', minLength: 1 })),
    port: Type.Optional(
      Type.Integer({ description: 'Port; 0 takes any free one', default: 9990, minimum: 0, maximum: 65535 }),
    ),
    token_file: Type.Optional(
      Type.String({ description: 'File that holds the raw token, 32 characters or more', minLength: 1 }),
    ),
    workdir: Type.Optional(
      Type.String({
        description: 'Where commands start; default /root if usable, else the home directory, else /',
        minLength: 1,
      }),
    ),
    log_level: Type.Optional(
      Type.Enum([...LOG_LEVELS], { description: 'Least level that is logged', default: 'info' }),
    ),
    access_log: Type.Optional(Type.Boolean({ description: 'Log every request', default: false })),
    jwt: Type.Optional(
      Type.Object(
        {
          secret_file: Type.Optional(
            Type.String({ description: 'File with the shared secret (HS256), 32 bytes or more' }),
          ),
          jwks_file: Type.Optional(Type.String({ description: 'File with a JSON Web Key Set' })),
          jwks_url: Type.Optional(Type.String({ description: 'URL of a JSON Web Key Set' })),
          algorithms: Type.Optional(
            Type.Array(Type.String(), {
              description:
                'Accepted signature algorithms; default HS256 with a secret, the common public-key ones with a key set',
              minItems: 1,
            }),
          ),
          audience: Type.Optional(Type.String({ description: 'Audience (`aud`) a token must name' })),
          issuer: Type.Optional(Type.String({ description: 'Issuer (`iss`) a token must name' })),
          tolerance_seconds: Type.Optional(
            Type.Integer({ description: 'Seconds by which clocks may differ', default: 60, minimum: 0, maximum: 60 }),
          ),
        },
        closed,
      ),
    ),
    cors: Type.Optional(
      Type.Object(
        {
          origins: Type.Optional(
            Type.Array(Type.String(), {
              description: 'Origins of web pages that may call, besides our own on loopback; `"*"`: all',
            }),
          ),
        },
        closed,
      ),
    ),
    allowed_hosts: Type.Optional(
      Type.Array(Type.String(), { description: 'Names accepted in the Host header; on loopback besides its own' }),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          execs: limit('Commands at once', 50, 256),
          terminals: limit('Terminals alive at once', 10, 64),
          watchers: limit('Watchers at once', 5, 64),
          concurrency: limit('Calls in progress per credential', 512, 65_536),
          rate: Type.Optional(
            Type.Integer({
              description: 'Calls a second per credential; 0: off',
              default: 0,
              minimum: 0,
              maximum: 1_000_000,
            }),
          ),
          failed_auth: limit('Failed authentications a second per address', 20, 10_000),
          body_bytes: limit('Largest JSON body over REST', 64 * 1024 * 1024, 1024 * 1024 * 1024),
        },
        closed,
      ),
    ),
    files: Type.Optional(
      Type.Object(
        {
          durable: Type.Optional(
            Type.Boolean({ description: 'Sync file and directory before a write is answered', default: true }),
          ),
        },
        closed,
      ),
    ),
    search: Type.Optional(
      Type.Object(
        {
          engine: Type.Optional(
            Type.Enum(['auto', 'ripgrep', 'builtin'], { description: 'Content search engine', default: 'auto' }),
          ),
        },
        closed,
      ),
    ),
    exec: Type.Optional(
      Type.Object(
        {
          env: Type.Optional(
            Type.Record(Type.String(), Type.String(), { description: 'Object of variables that every command gets' }),
          ),
        },
        closed,
      ),
    ),
    targets: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][a-z0-9_-]{0,63}$' }),
        Type.Object({ url: Type.String(), token: Type.String() }, closed),
        {
          description: 'Other daemons as `{"<id>": {"url", "token"}}`, reached under `/runtimes/<id>/`',
        },
      ),
    ),
    toolsets: Type.Optional(Type.Array(Type.String(), { description: 'Toolsets beyond the 23 tools' })),
  },
  closed,
)

export type ConfigFile = Static<typeof configSchema>

export interface Config {
  readonly host: string
  readonly port: number
  readonly tokenFile: string | undefined
  /** From RUNTIME_TOKEN, which is then removed from the environment. */
  readonly token: string | undefined
  readonly workdir: string
  readonly logLevel: LogLevel
  readonly stateDirectory: string
  readonly cacheDirectory: string
  /** The daemon's own environment, before it is cleaned for children. */
  readonly environment: Readonly<Record<string, string>>
  /** What has no flag, as the file gives it. */
  readonly file: ConfigFile
}

const FLAGS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'token-file': { type: 'string' },
  config: { type: 'string' },
  workdir: { type: 'string' },
  'log-level': { type: 'string' },
  toolsets: { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export interface CommandLine {
  readonly words: readonly string[]
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
}

/** Splits the command line; an unknown flag ends the start. */
export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: FLAGS, allowPositionals: true, strict: true })
    return { words: positionals, flags: values }
  } catch (error) {
    const name = /'(?:-\w, )?(--?[^'\s]+)/.exec(String(error))?.[1] ?? ''
    const known = Object.keys(FLAGS)
    if (known.some((flag) => name === `--${flag}`)) {
      const valued = !['version', 'help'].includes(name.slice(2))
      throw new StartError(valued ? `${name} needs a value: ${name}=VALUE; see --help` : `${name} takes no value`)
    }
    const close = nearest(name.replace(/^-+/, ''), known)
    throw new StartError(
      `there is no option ${name}; ${close === undefined ? 'see --help' : `did you mean --${close}?`}`,
    )
  }
}

/** Threads of Node's file calls: four, its default, are soon all taken by one slow disk (reliability Z-06). */
const FILE_THREADS = '16'

/** Composes the configuration. Removes RUNTIME_TOKEN from the environment: no child shall find it (A-11). */
export function loadConfig(line: CommandLine): Config {
  const env = process.env
  const token = env['RUNTIME_TOKEN']
  delete env['RUNTIME_TOKEN']
  const environment = { ...env } as Readonly<Record<string, string>> // a copy has no undefined values
  env['UV_THREADPOOL_SIZE'] ??= FILE_THREADS
  const given = (flag: string, variable: string): string | undefined => {
    const [value, name] = flag in line.flags ? [line.flags[flag], `--${flag}`] : [env[variable], variable]
    // An empty address would be every address, an empty folder the one the daemon happens to be started in.
    if (value === '') throw new StartError(`${name} is empty; give it a value or leave it out`)
    return typeof value === 'string' ? value : undefined
  }
  const path = given('config', 'RUNTIME_CONFIG')
  const file = path === undefined ? {} : readConfigFile(path)
  const toolsets = line.flags['toolsets']
  const home = [env['HOME'] ?? '', accountHome()].find(isAbsolute) ?? '/'
  const workdir = given('workdir', 'RUNTIME_WORKDIR') ?? file.workdir
  return Object.freeze({
    host: given('host', 'RUNTIME_HOST') ?? file.host ?? '127.0.0.1',
    port: readPort(given('port', 'RUNTIME_PORT')) ?? file.port ?? 9990,
    tokenFile: given('token-file', 'RUNTIME_TOKEN_FILE') ?? file.token_file,
    // A flag beats the environment: with --token-file the variable does not count.
    token: line.flags['token-file'] === undefined ? token : undefined,
    workdir: workdir === undefined ? defaultWorkdir(home) : checkedWorkdir(workdir),
    logLevel: readLevel(given('log-level', 'RUNTIME_LOG_LEVEL')) ?? file.log_level ?? 'info',
    stateDirectory: directoryOf(env['STATE_DIRECTORY'], env['XDG_STATE_HOME'], join(home, '.local', 'state')),
    cacheDirectory: directoryOf(env['CACHE_DIRECTORY'], env['XDG_CACHE_HOME'], join(home, '.cache')),
    environment,
    file:
      typeof toolsets === 'string' ? { ...file, toolsets: toolsets.split(',').filter((name) => name !== '') } : file,
  })
}

/** systemd's directory as it is, else ours below the user's. */
function directoryOf(systemd: string | undefined, xdg: string | undefined, fallback: string): string {
  if (systemd !== undefined && systemd !== '') return systemd.split(':')[0] ?? systemd
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : fallback, 'workspace-runtime')
}

function readConfigFile(path: string): ConfigFile {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new StartError(`the configuration file ${path} cannot be read as JSON: ${errnoOf(error) ?? unquoted(error)}`)
  }
  const check = Compile(configSchema)
  if (check.Check(value)) return value
  throw new StartError(`the configuration file ${path} is wrong: ${firstProblem([...check.Errors(value)])}`)
}

/** The parser quotes the text around the fault, over several lines, and a token of `targets` may be in it. */
function unquoted(error: unknown): string {
  return String(error)
    .replace(/^SyntaxError: /, '')
    .replace(/, (\.\.\.)?"[^]*$/, '')
}

/** TypeBox says of a key that the schema does not know only that its "schema is false". */
function firstProblem(problems: readonly { instancePath: string; message: string }[]): string {
  const unknown = problems.find(({ message }) => message === 'schema is false')
  if (unknown !== undefined) return `it has the unknown key ${unknown.instancePath.slice(1).replaceAll('/', '.')}`
  const first = problems[0]
  const where = first?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  return `${where === '' ? 'its root' : where} ${first?.message ?? 'does not fit'}`
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) {
    throw new StartError(`the port is ${JSON.stringify(text)}; accepted is a number from 0 to 65535`)
  }
  return Number(text)
}

function readLevel(text: string | undefined): LogLevel | undefined {
  if (text === undefined) return undefined
  const level = LOG_LEVELS.find((one) => one === text)
  if (level === undefined)
    throw new StartError(`the log level is ${JSON.stringify(text)}; accepted are ${LOG_LEVELS.join(', ')}`)
  return level
}

/** `/root` if it can be entered, else the home directory, else `/` (contract 15.4). */
function defaultWorkdir(home: string): string {
  return ['/root', home, accountHome()].find((path) => isAbsolute(path) && usable(path)) ?? '/'
}

/** The home directory as the system knows it; a user of a container often has no account, and none. */
function accountHome(): string {
  try {
    return userInfo().homedir
  } catch {
    return ''
  }
}

function usable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function checkedWorkdir(path: string): string {
  if (!usable(resolve(path)))
    throw new StartError(`the working directory ${path} is not a directory that can be entered`)
  return resolve(path)
}
