// Maps the command line to one call each. It composes and decides nothing.

import { resolve } from 'node:path'
import { isSea } from 'node:sea'
import { buildFacts, openAssets } from './base/assets.ts'
import type { Setup } from './commands/doctor.ts'
import { leave } from './commands/leave.ts'
import {
  cachePlace,
  configPlace,
  localTemporary,
  neededPlaces,
  silentAmong,
  usedPlaces,
  type NamedPlace,
} from './commands/silent-places.ts'
import {
  chooseFileThreads,
  configFileOf,
  loadConfig,
  readCommandLine,
  type CommandLine,
  type Config,
} from './config/config.ts'
import { StartError } from './base/signals.ts'
import { loadToken, tokenSources } from './config/token-store.ts'
import { aLookStands, mayNotAnswer } from './workspace/files/mounts/first-look.ts'

const USAGE = `workspace-runtime: files, search and commands of this machine over REST and MCP

  workspace-runtime [serve]      serve (the default)
  workspace-runtime token show   print the token in use
  workspace-runtime token rotate   make a new one and print it; a running daemon takes it over
  workspace-runtime token verify   say whether what comes by stdin is the token (exit code 0) or not (1)
  workspace-runtime connect CLIENT   print what an MCP client needs: claude-code, claude-desktop,
                                 cursor, vscode, codex, gemini
  workspace-runtime status       say in one line how the daemon is that runs here (--json: all it tells)
  workspace-runtime doctor       check what the daemon needs, and say what to do (--json)
  workspace-runtime stdio        be a stdio MCP server that talks to the running daemon

  --host ADDRESS       address to listen on            (RUNTIME_HOST, 127.0.0.1)
  --port N             port, 0 takes any free one      (RUNTIME_PORT, 9990)
  --token-file FILE    file with a token to begin with (RUNTIME_TOKEN_FILE, made in the state directory)
  --config FILE        configuration as JSON           (RUNTIME_CONFIG)
  --workdir DIR        where commands start            (RUNTIME_WORKDIR, the directory it was started in)
  --log-level LEVEL    debug info warn error silent    (RUNTIME_LOG_LEVEL, info)
  --access-log         log every request               (RUNTIME_ACCESS_LOG=1)
  --toolsets A,B       what a client gets that names none: default (the 23 tools),
                       files, search, exec, terminal, watch
  --url URL            for connect and stdio: where the daemon's /mcp is, if not on this machine
  --with-token         for connect: put the token itself into the text
  --version            print the versions
  -h, --help           print this

RUNTIME_TOKEN may hold the token itself; commands that ask a daemon take WORKSPACE_RUNTIME_TOKEN too. They find the
daemon of this user on any port, unless --host, --port or --url says where it is. SIGTERM or Ctrl-C ends it orderly, a second one at once.
`

async function run(args: readonly string[]): Promise<void> {
  const line = readCommandLine(args)
  if (line.flags['help'] === true) return print(USAGE)
  if (line.flags['version'] === true) return print(versions())
  const command = line.words.join(' ')
  if (command === '' || command === 'serve') return await start(line)
  if (line.words[0] === 'token') return await token(line)
  if (command === 'status') return await status(line)
  if (command === 'doctor') return await doctor(line)
  if (command === 'stdio') return await stdio(line)
  if (line.words[0] === 'connect') return await connect(line.words.slice(1).join(' '), line)
  throw new StartError(`there is no command ${JSON.stringify(command)}; see --help`)
}

/** Unpacks the parts that must be files first: the modules behind `serve` load the native library. */
async function start(line: CommandLine): Promise<void> {
  const config = await configured(line)
  const [silent] = await silentAmong(cachePlace(config))
  const directory = silent === undefined ? config.cacheDirectory : undefined
  const opened = openAssets({ directory, temporary: directory === undefined ? localTemporary() : undefined })
  const problems = silent === undefined ? [] : [`${silent.says}: own parts are unpacked elsewhere; ${silent.todo}`]
  const assets = {
    problems: [...problems, ...opened.problems],
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  }
  const { serve } = await import('./serve.ts')
  return await serve(config, assets)
}

/** Returns the configuration, once every place that it needs has answered. */
async function configured(line: CommandLine, needed: (config: Config) => readonly NamedPlace[] = neededPlaces) {
  chooseFileThreads()
  await mustAnswer(configPlace(configFileOf(line)))
  const config = loadConfig(line, mayNotAnswer)
  await mustAnswer(needed(config))
  return config
}

async function mustAnswer(places: readonly NamedPlace[]): Promise<void> {
  const [silent] = await silentAmong(places)
  if (silent !== undefined) throw new StartError(`${silent.says}; ${silent.todo}`)
}

/** Returns no places for a command that is given the daemon's address and token: it reads no file of the daemon. */
const asClient =
  ({ flags }: CommandLine) =>
  (config: Config): readonly NamedPlace[] =>
    (config.addressGiven || typeof flags['url'] === 'string') && config.clientToken !== undefined
      ? []
      : neededPlaces(config)

async function token(line: CommandLine): Promise<void> {
  const { tokenCommand } = await import('./commands/token.ts')
  const tell = (text: string): void => void process.stderr.write(`workspace-runtime: ${text}\n`)
  const console = { input: process.stdin, print, tell }
  process.exitCode = await tokenCommand(line.words.slice(1), tokenSources(await configured(line)), console)
}

async function status(line: CommandLine): Promise<void> {
  const { status: tell } = await import('./commands/status.ts')
  const { checkToken } = await import('./commands/token.ts')
  const config = await configured(line, asClient(line))
  const token = async (): Promise<string | undefined> =>
    config.clientToken ?? (await checkToken(tokenSources(config))).token
  const { findDaemon } = await import('./commands/status.ts')
  const address = await findDaemon(config)
  process.exitCode = await tell({ address, token, json: line.flags['json'] === true, print })
}

async function doctor(line: CommandLine): Promise<void> {
  const { doctor: examine } = await import('./commands/doctor.ts')
  process.exitCode = await examine({ setup: await setupOf(line), json: line.flags['json'] === true, print })
}

/** Returns the setup, or the StartError of a configuration that cannot be used: for `doctor` that is a finding. */
async function setupOf(line: CommandLine): Promise<Setup | StartError> {
  try {
    const config = await configured(line, () => [])
    return {
      ...config,
      workdirGiven: line.flags['workdir'] !== undefined,
      silent: await silentAmong([...neededPlaces(config), ...cachePlace(config), ...usedPlaces(config)]),
      tokens: tokenSources(config),
      jwt: async () => (await import('./settings.ts')).jwtOptions(config),
    }
  } catch (error) {
    if (error instanceof StartError) return error
    throw error
  }
}

/** Returns the executable, by the path it was started from; else Node and this file. */
function ownProgram(): readonly [string, ...string[]] {
  return isSea() ? [process.execPath] : [process.execPath, resolve(process.argv[1] ?? '')]
}

async function tokenOf(config: Config): Promise<string> {
  return config.clientToken ?? (await loadToken(tokenSources(config))).token
}

/** Returns the endpoint that `--url` names, else that of the daemon of this machine. */
async function endpointOn(line: CommandLine, config: Config): Promise<string> {
  const { endpointOf, endpointUrl } = await import('./commands/connect.ts')
  const { url } = line.flags
  if (typeof url === 'string') {
    const endpoint = endpointOf(url)
    if (endpoint !== undefined) return endpoint
    throw new StartError(`--url is ${JSON.stringify(url)}; accepted is an http or https URL`)
  }
  const { findDaemon } = await import('./commands/status.ts')
  const { host, port } = await findDaemon(config)
  return endpointUrl(host, port)
}

/** Runs the bridge, which reads the token again when the daemon refuses the current one. */
async function stdio(line: CommandLine): Promise<void> {
  const { stdio: bridge } = await import('./commands/stdio.ts')
  const config = await configured(line, asClient(line))
  const reload = (): Promise<string> => tokenOf(config)
  return await bridge({ url: await endpointOn(line, config), token: await reload(), reload })
}

/** Prints the snippet alone to stdout, so that it can be piped into a file. */
async function connect(client: string, line: CommandLine): Promise<void> {
  const { CLIENT_NAMES, snippetFor, stdioCommand, TOKEN_VARIABLE } = await import('./commands/connect.ts')
  const unknown = new StartError(`there is no client ${JSON.stringify(client)}; there are: ${CLIENT_NAMES.join(', ')}`)
  if (!CLIENT_NAMES.includes(client)) throw unknown
  const config = await configured(line, asClient(line))
  const snippet = snippetFor(client, {
    url: await endpointOn(line, config),
    stdio: stdioCommand(line.flags, config.environment, ownProgram()),
    token: line.flags['with-token'] === true ? await tokenOf(config) : undefined,
  })
  if (snippet === undefined) throw unknown
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  say(`${snippet.title}: put this into ${snippet.file}`)
  if (snippet.command !== undefined) say(`or run: ${snippet.command}`)
  if (snippet.needsVariable)
    say(`and start it with ${TOKEN_VARIABLE} set: export ${TOKEN_VARIABLE}=$(workspace-runtime token show)`)
  print(`${snippet.text}\n`)
}

function versions(): string {
  const { version, commit, ripgrep } = buildFacts()
  return `workspace-runtime ${version}\ncommit ${commit}\nnode ${process.version}\nripgrep ${ripgrep}\n`
}

function print(text: string): void {
  process.stdout.write(text)
}

async function refuse(error: unknown): Promise<void> {
  const wrong = error instanceof StartError
  process.stderr.write(
    `workspace-runtime: ${wrong ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  )
  await leave(wrong ? error.exitCode : 1)
}

run(process.argv.slice(2))
  // A look that does not return would keep the process alive.
  .then(() => (aLookStands() ? leave(Number(process.exitCode ?? 0)) : undefined))
  .catch(refuse)
