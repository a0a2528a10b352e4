// The command line, to one call each. Composes nothing, decides nothing.

import { buildFacts, openAssets } from './base/assets.ts'
import type { Place } from './commands/connect.ts'
import type { Setup } from './commands/doctor.ts'
import { type CommandLine, type Config, loadConfig, readCommandLine } from './config/config.ts'
import { StartError } from './base/start-error.ts'
import { loadToken, tokenSources } from './config/token-store.ts'

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
  --toolsets A,B       toolsets beyond the 23 tools
  --url URL            for connect and stdio: where the daemon's /mcp is, if not at --host and --port
  --version            print the versions
  -h, --help           print this

RUNTIME_TOKEN may hold the token itself. SIGTERM or Ctrl-C ends it orderly, a second one at once.
`

async function run(args: readonly string[]): Promise<void> {
  const line = readCommandLine(args)
  if (line.flags['help'] === true) return print(USAGE)
  if (line.flags['version'] === true) return print(versions())
  const command = line.words.join(' ')
  if (command === '' || command === 'serve') return await start(loadConfig(line))
  if (line.words[0] === 'token') return await token(line)
  if (command === 'status') return await status(line)
  if (command === 'doctor') return await doctor(line)
  if (command === 'stdio') return await (await import('./commands/stdio.ts')).stdio(await placeOf(line))
  if (line.words[0] === 'connect') return await connect(line.words.slice(1).join(' '), line)
  throw new StartError(`there is no command ${JSON.stringify(command)}; see --help`)
}

/** What must be files is unpacked first: the modules behind `serve` load the native library. */
async function start(config: Config): Promise<void> {
  const assets = openAssets({ directory: config.cacheDirectory })
  const { serve } = await import('./serve.ts')
  return await serve(config, assets)
}

async function token(line: CommandLine): Promise<void> {
  const { tokenCommand } = await import('./commands/token.ts')
  const tell = (text: string): void => void process.stderr.write(`workspace-runtime: ${text}\n`)
  const console = { input: process.stdin, print, tell }
  process.exitCode = await tokenCommand(line.words.slice(1), tokenSources(loadConfig(line)), console)
}

async function status(line: CommandLine): Promise<void> {
  const { status: tell } = await import('./commands/status.ts')
  const { checkToken } = await import('./commands/token-check.ts')
  const config = loadConfig(line)
  const token = async (): Promise<string | undefined> => (await checkToken(tokenSources(config))).token
  process.exitCode = await tell({ address: config, token, json: line.flags['json'] === true, print })
}

async function doctor(line: CommandLine): Promise<void> {
  const { doctor: examine } = await import('./commands/doctor.ts')
  process.exitCode = await examine({ setup: setupOf(line), json: line.flags['json'] === true, print })
}

/** A configuration that cannot be used is a finding too. */
function setupOf(line: CommandLine): Setup | StartError {
  try {
    const config = loadConfig(line)
    return {
      ...config,
      tokens: tokenSources(config),
      jwt: async () => (await import('./settings.ts')).jwtOptions(config),
    }
  } catch (error) {
    if (error instanceof StartError) return error
    throw error
  }
}

async function tokenOf(config: Config): Promise<string> {
  return (await loadToken(tokenSources(config))).token
}

/** Where the daemon is that connect and stdio talk of, and how the token is read again. */
async function placeOf(line: CommandLine): Promise<Place & { readonly reload: () => Promise<string> }> {
  const { endpointUrl } = await import('./commands/connect.ts')
  const config = loadConfig(line)
  const { url } = line.flags
  if (typeof url === 'string' && !URL.canParse(url)) throw new StartError(`--url is ${JSON.stringify(url)}, not a URL`)
  const reload = (): Promise<string> => tokenOf(config)
  return { url: typeof url === 'string' ? url : endpointUrl(config.host, config.port), token: await reload(), reload }
}

/** The snippet alone goes to stdout, so that it can be piped into a file. */
async function connect(client: string, line: CommandLine): Promise<void> {
  const { CLIENT_NAMES, snippetFor } = await import('./commands/connect.ts')
  const snippet = CLIENT_NAMES.includes(client) ? snippetFor(client, await placeOf(line)) : undefined
  if (snippet === undefined) {
    throw new StartError(`there is no client ${JSON.stringify(client)}; there are: ${CLIENT_NAMES.join(', ')}`)
  }
  process.stderr.write(`${snippet.title}: put this into ${snippet.file}\n`)
  print(`${snippet.text}\n`)
}

function versions(): string {
  const { version, commit, ripgrep } = buildFacts()
  return `workspace-runtime ${version}\ncommit ${commit}\nnode ${process.version}\nripgrep ${ripgrep}\n`
}

function print(text: string): void {
  process.stdout.write(text)
}

run(process.argv.slice(2)).catch((error: unknown) => {
  const wrong = error instanceof StartError
  process.stderr.write(
    `workspace-runtime: ${wrong ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  )
  process.exit(wrong ? error.exitCode : 1)
})
