// The command line, to one call each. Composes nothing, decides nothing.

import { buildFacts, openAssets } from './assets.ts'
import { type Config, loadConfig, readCommandLine } from './config.ts'
import { StartError } from './start-error.ts'
import { loadToken } from './token-store.ts'

const USAGE = `workspace-runtime: files, search and commands of this machine over REST and MCP

  workspace-runtime [serve]      serve (the default)
  workspace-runtime token show   print the token in use

  --host ADDRESS       address to listen on            (RUNTIME_HOST, 127.0.0.1)
  --port N             port, 0 takes any free one      (RUNTIME_PORT, 9990)
  --token-file FILE    file that holds the token       (RUNTIME_TOKEN_FILE, made in the state directory)
  --config FILE        configuration as JSON           (RUNTIME_CONFIG)
  --workdir DIR        where commands start            (RUNTIME_WORKDIR, /root, else the home directory)
  --log-level LEVEL    debug info warn error silent    (RUNTIME_LOG_LEVEL, info)
  --toolsets A,B       toolsets beyond the 23 tools
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
  if (command === 'token show') {
    const { token, tokenFile, stateDirectory } = loadConfig(line)
    return print(`${(await loadToken({ fromEnvironment: token, file: tokenFile, stateDirectory })).token}\n`)
  }
  throw new StartError(`there is no command ${JSON.stringify(command)}; see --help`)
}

/** What must be files is unpacked first: the modules behind `serve` load the native library. */
async function start(config: Config): Promise<void> {
  const assets = openAssets({ directory: config.cacheDirectory })
  const { serve } = await import('./serve.ts')
  return await serve(config, assets)
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
