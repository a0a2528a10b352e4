// Flags, environment, file and defaults become one frozen Config (configuration.md). The only reader of
// process.env. A wrong value ends the start with exit code 2 and one line that names it.

import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Compile } from 'typebox/compile'
import { wrongValue } from './config-values.ts'
import { configSchema, type ConfigFile } from './config-schema.ts'
import { errnoOf } from '../base/fault.ts'
import { eraseInitialVariable } from '../base/initial-environment.ts'
import { LOG_LEVELS, type LogLevel } from '../base/log.ts'
import { nearest } from '../base/nearest.ts'
import { StartError } from '../base/signals.ts'

export interface Config {
  readonly host: string
  readonly port: number
  /** True if host or port is on the command line: a command then looks only there for the daemon. */
  readonly addressGiven: boolean
  readonly tokenFile: string | undefined
  /** Path at which the service manager may have put a first token (LoadCredential); often there is no such file. */
  readonly tokenSeed: string | undefined
  /** Token from RUNTIME_TOKEN, which is then removed from the environment. */
  readonly token: string | undefined
  /** Token from WORKSPACE_RUNTIME_TOKEN: a command shows it to a daemon; no daemon takes it for its own. */
  readonly clientToken: string | undefined
  readonly workdir: string
  /** True if the operator named the working directory. */
  readonly workdirChosen: boolean
  /** Level of the least severe lines that are logged. */
  readonly logLevel: LogLevel
  /** True if every request is logged. */
  readonly accessLog: boolean
  /** Path of the file that was read; undefined: there is none. */
  readonly configFile: string | undefined
  readonly stateDirectory: string
  readonly cacheDirectory: string
  /** The daemon's own environment, before it is cleaned for children. */
  readonly environment: Readonly<Record<string, string>>
  /** Variables RUNTIME_… that have no effect, each with the name that it may be meant for. */
  readonly misspelt: readonly { readonly name: string; readonly meant: string }[]
  /** Settings of the configuration file, which have no flag. */
  readonly file: ConfigFile
}

const FLAGS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'token-file': { type: 'string' },
  config: { type: 'string' },
  workdir: { type: 'string' },
  'log-level': { type: 'string' },
  'access-log': { type: 'boolean' },
  toolsets: { type: 'string' },
  url: { type: 'string' },
  'with-token': { type: 'boolean' },
  json: { type: 'boolean' },
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
      const valued = FLAGS[name.slice(2) as keyof typeof FLAGS].type === 'string' // one of the known
      throw new StartError(valued ? `${name} needs a value: ${name}=VALUE; see --help` : `${name} takes no value`)
    }
    const close = nearest(name.replace(/^-+/, ''), known)
    throw new StartError(
      `there is no option ${name}; ${close === undefined ? 'see --help' : `did you mean --${close}?`}`,
    )
  }
}

/** Threads of Node's file calls: four, its default, are soon all taken by one slow disk (Z-06). */
const FILE_THREADS = '16'

/** True if we chose the number of threads: then commands do not inherit the variable. */
let threadsAreOurs = false

/** Sets the number of those threads. Call it before the first file call that is made on one of them. */
export function chooseFileThreads(): void {
  if (process.env['UV_THREADPOOL_SIZE'] !== undefined) return
  process.env['UV_THREADPOOL_SIZE'] = FILE_THREADS
  threadsAreOurs = true
}

/** The configuration file that the command line or the environment names. */
export function configFileOf({ flags }: CommandLine): string | undefined {
  const path = flags['config'] ?? process.env['RUNTIME_CONFIG']
  return typeof path === 'string' && path !== '' ? resolve(path) : undefined
}

/** True of a path whose file system may never answer: it stays unresolved, since a look would block this thread. */
export type Unseen = (path: string) => boolean

/** Composes the configuration. Removes RUNTIME_TOKEN from the environment: no child may find it (A-11). */
export function loadConfig(line: CommandLine, unseen: Unseen = () => false): Config {
  const env = process.env
  const token = env['RUNTIME_TOKEN']
  delete env['RUNTIME_TOKEN']
  if (token !== undefined) eraseInitialVariable('RUNTIME_TOKEN')
  chooseFileThreads()
  const { UV_THREADPOOL_SIZE: threads, ...others } = env as Readonly<Record<string, string>> // a copy has no undefined values
  const environment = threadsAreOurs || threads === undefined ? others : { ...others, UV_THREADPOOL_SIZE: threads }
  const given = (flag: string, variable: string): string | undefined => {
    const [value, name] = flag in line.flags ? [line.flags[flag], `--${flag}`] : [env[variable], variable]
    // An empty address would mean every address, an empty folder the one that the daemon happens to be started in.
    if (value === '') throw new StartError(`${name} is empty; give it a value or leave it out`)
    return typeof value === 'string' ? value : undefined
  }
  const path = given('config', 'RUNTIME_CONFIG')
  const file = path === undefined ? {} : withAbsoluteKeys(readConfigFile(path))
  const toolsets = line.flags['toolsets']
  const home = [env['HOME'] ?? '', accountHome()].find(isAbsolute) ?? '/'
  const workdir = given('workdir', 'RUNTIME_WORKDIR') ?? file.workdir
  return Object.freeze({
    host: given('host', 'RUNTIME_HOST') ?? file.host ?? '127.0.0.1',
    port: readPort(given('port', 'RUNTIME_PORT')) ?? file.port ?? 9990,
    addressGiven: line.flags['host'] !== undefined || line.flags['port'] !== undefined,
    tokenFile: absolute(given('token-file', 'RUNTIME_TOKEN_FILE') ?? file.token_file),
    tokenSeed: credentialOf(env['CREDENTIALS_DIRECTORY']),
    // A flag beats the environment: with --token-file the variable does not count.
    token: line.flags['token-file'] === undefined ? token : undefined,
    clientToken: env['WORKSPACE_RUNTIME_TOKEN'] === '' ? undefined : env['WORKSPACE_RUNTIME_TOKEN'],
    workdir: workdir === undefined ? defaultWorkdir(home, unseen) : checkedWorkdir(workdir, unseen),
    workdirChosen: workdir !== undefined,
    logLevel: readLevel(given('log-level', 'RUNTIME_LOG_LEVEL')) ?? file.log_level ?? 'info',
    accessLog: line.flags['access-log'] === true || (readSwitch('RUNTIME_ACCESS_LOG', env) ?? file.access_log ?? false),
    configFile: absolute(path),
    stateDirectory: directoryOf(env['STATE_DIRECTORY'], env['XDG_STATE_HOME'], join(home, '.local', 'state')),
    cacheDirectory: directoryOf(env['CACHE_DIRECTORY'], env['XDG_CACHE_HOME'], join(home, '.cache')),
    environment,
    misspelt: misspelt(environment),
    file:
      typeof toolsets === 'string' ? { ...file, toolsets: toolsets.split(',').filter((name) => name !== '') } : file,
  })
}

function credentialOf(directory: string | undefined): string | undefined {
  return directory === undefined || !isAbsolute(directory) ? undefined : join(directory, 'token')
}

/** Makes a path absolute: the daemon leaves its first directory, and reads files named from there again later. */
function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path)
}

function withAbsoluteKeys(file: ConfigFile): ConfigFile {
  const { jwt } = file
  if (jwt === undefined) return file
  const keys = { secret_file: absolute(jwt.secret_file), jwks_file: absolute(jwt.jwks_file) }
  return {
    ...file,
    jwt: { ...jwt, ...Object.fromEntries(Object.entries(keys).filter(([, path]) => path !== undefined)) },
  }
}

/** Returns systemd's directory unchanged, else ours below the user's. */
function directoryOf(systemd: string | undefined, xdg: string | undefined, fallback: string): string {
  if (systemd !== undefined && systemd !== '') return resolve(systemd.split(':')[0] ?? systemd)
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
  const problem = check.Check(value) ? wrongValue(value) : firstProblem([...check.Errors(value)])
  if (problem === undefined) return value as ConfigFile // checked by the line above
  throw new StartError(`the configuration file ${path} is wrong: ${problem}`)
}

/** Removes quoted text: the parser quotes several lines around the fault, and a token of `targets` may be in them. */
function unquoted(error: unknown): string {
  return String(error)
    .replace(/^SyntaxError: /, '')
    .replace(/, (\.\.\.)?"[^]*$/, '')
}

/** Keys that an earlier version took, and why the setting is gone. */
const GONE: ReadonlyMap<string, string> = new Map([
  ['search', 'search.engine chose between two engines of content search, and ripgrep is the only one now; remove it'],
])

/** Describes the first problem: TypeBox says of an unknown key only that its "schema is false". */
function firstProblem(problems: readonly { instancePath: string; message: string }[]): string {
  const unknown = problems.find(({ message }) => message === 'schema is false')
  if (unknown !== undefined) {
    const key = unknown.instancePath.slice(1).replaceAll('/', '.')
    const gone = GONE.get(key)
    return `it has the unknown key ${key}${gone === undefined ? meant(unknown.instancePath) : `: ${gone}`}`
  }
  const first = problems[0]
  const where = first?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  return `${where === '' ? 'its root' : where} ${first?.message ?? 'does not fit'}`
}

/** Returns the nearest of the keys that the schema has beside an unknown one. */
function meant(pointer: string): string {
  const path = pointer.slice(1).split('/')
  const name = path.pop() ?? ''
  let at: { readonly properties?: Readonly<Record<string, object>> } | undefined = configSchema
  for (const step of path) at = at?.properties?.[step]
  const close = nearest(name, Object.keys(at?.properties ?? {}))
  return close === undefined ? '' : `; did you mean ${[...path, close].join('.')}?`
}

/** Returns variables that look like a misspelling of one of ours, each with that one. */
function misspelt(environment: Readonly<Record<string, string>>): readonly { name: string; meant: string }[] {
  return Object.keys(environment).flatMap((name) => {
    if (!name.startsWith('RUNTIME_') || name === SYSTEMD_OWN || VARIABLES.includes(name)) return []
    const close = nearest(name, VARIABLES)
    return close === undefined ? [] : [{ name, meant: close }]
  })
}

/** Variable that has the directory of RuntimeDirectory= in a unit. */
const SYSTEMD_OWN = 'RUNTIME_DIRECTORY'

const VARIABLES = ['TOKEN', 'CONFIG', 'HOST', 'PORT', 'TOKEN_FILE', 'WORKDIR', 'LOG_LEVEL', 'ACCESS_LOG'].map(
  (name) => `RUNTIME_${name}`,
)

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) {
    throw new StartError(`the port is ${JSON.stringify(text)}; accepted is a number from 0 to 65535`)
  }
  return Number(text)
}

/** Reads a variable that is on or off; an empty one counts as absent. */
function readSwitch(name: string, env: NodeJS.ProcessEnv): boolean | undefined {
  const text = env[name] ?? ''
  if (text === '') return undefined
  if (['1', 'true'].includes(text)) return true
  if (['0', 'false'].includes(text)) return false
  throw new StartError(`${name} is ${JSON.stringify(text)}; accepted are 1, true, 0 and false`)
}

function readLevel(text: string | undefined): LogLevel | undefined {
  if (text === undefined) return undefined
  const level = LOG_LEVELS.find((one) => one === text)
  if (level === undefined)
    throw new StartError(`the log level is ${JSON.stringify(text)}; accepted are ${LOG_LEVELS.join(', ')}`)
  return level
}

/**
 * Returns the directory where the daemon was started, unless that is `/`: then `/root` if it can be entered, else the
 * home directory.
 */
function defaultWorkdir(home: string, unseen: Unseen): string {
  const started = startedIn()
  const found = [started === '/' ? '' : started, '/root', home, accountHome()]
  return found.find((path) => isAbsolute(path) && (unseen(path) || usable(path))) ?? '/'
}

/** Returns the directory where this process was started; empty if that folder is gone. */
function startedIn(): string {
  try {
    return process.cwd()
  } catch {
    return ''
  }
}

/** Returns the home directory as the system knows it; empty if the user has no account, as in many containers. */
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

function checkedWorkdir(path: string, unseen: Unseen): string {
  const absolute = resolve(path)
  if (!unseen(absolute) && !usable(absolute)) throw unusableWorkdir(path)
  return absolute
}

export function unusableWorkdir(path: string): StartError {
  return new StartError(`the working directory ${path} is not a directory that can be entered`)
}
