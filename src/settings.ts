// Turns the configuration into the options of each part: fills in defaults, reads the files that the configuration
// names, and refuses what a schema cannot refuse.

import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ripgrepPath, unpackedDirectories } from './base/assets.ts'
import { TOOLSETS } from './catalog.ts'
import { mayUse, type Caller } from './caller.ts'
import type { Config } from './config/config.ts'
import type { GateLimits } from './invoke.ts'
import { loadJwks, loadJwtSecret } from './config/key-files.ts'
import { StartError } from './base/signals.ts'
import type { CredentialOptions, JwtOptions } from './transports/credentials/credentials.ts'
import { mostConnections } from './transports/connections.ts'
import type { ServerRules } from './transports/server.ts'
import type { PromptSource } from './transports/mcp/product/prompt-files.ts'
import { descriptorLimit } from './workspace/machine.ts'
import { readAgentRules } from './workspace/files/read/agent-rules.ts'
import { readRepositoryFolder, type Repository } from './workspace/files/read/repository-file.ts'
import type { OwnPaths } from './workspace/files/opening/own-ground.ts'
import type { Workspace, WorkspaceOptions } from './workspace/workspace.ts'

export function workspaceOptions(config: Config): Omit<WorkspaceOptions, 'groups'> {
  const { file } = config
  return {
    workdir: config.workdir,
    stateDirectory: config.stateDirectory,
    own: ownPaths(config),
    environment: config.environment,
    ownBin: fileURLToPath(new URL('../node_modules/.bin', import.meta.url)),
    commandVariables: file.exec?.env ?? {},
    files: file.exec?.nofile,
    execs: file.limits?.execs ?? 50,
    terminals: file.limits?.terminals ?? 10,
    watchers: file.limits?.watchers ?? 5,
    durable: file.files?.durable ?? true,
    ripgrep: ripgrepPath(),
    targets: file.targets ?? {},
  }
}

/** Returns the daemon's own paths. A reader of these files has the token, and a writer of them can run code. */
function ownPaths(config: Config): OwnPaths {
  const { stateDirectory, cacheDirectory, file } = config
  const files = [config.configFile, config.tokenFile, config.tokenSeed, file.jwt?.secret_file, file.jwt?.jwks_file]
  return {
    directories: [stateDirectory, cacheDirectory, ...unpackedDirectories()],
    files: files.filter((one) => one !== undefined),
    secret: config.token,
  }
}

export function gateLimits({ file }: Config): GateLimits {
  return { concurrency: file.limits?.concurrency ?? 512, rate: file.limits?.rate ?? 0 }
}

/** Usual limit of open files, taken if the kernel does not tell it. */
const USUAL_OPEN_FILES = 1024

export function serverRules({ host, port, file, accessLog }: Config, descriptor: number | undefined): ServerRules {
  return {
    host,
    port,
    descriptor,
    origins: file.cors?.origins ?? [],
    allowedHosts: file.allowed_hosts ?? [],
    connections: mostConnections(descriptorLimit() ?? USUAL_OPEN_FILES),
    bodyBytes: file.limits?.body_bytes ?? 64 * 1024 * 1024,
    accessLog,
  }
}

export async function credentialOptions(config: Config, token: string): Promise<CredentialOptions> {
  return { token, jwt: await jwtOptions(config), failedAuthPerSecond: config.file.limits?.failed_auth ?? 20 }
}

/** Throws StartError if a file that the configuration names cannot be used. */
export async function jwtOptions(config: Config): Promise<JwtOptions | undefined> {
  const { jwt } = config.file
  if (jwt === undefined) return undefined
  const keys = [jwt.secret_file, jwt.jwks_file, jwt.jwks_url].filter((one) => one !== undefined)
  if (keys.length !== 1)
    throw new StartError(
      `jwt names ${keys.length} key sources; exactly one of secret_file, jwks_file and jwks_url is accepted`,
    )
  return {
    ...(jwt.secret_file === undefined ? {} : { secret: await loadJwtSecret(jwt.secret_file) }),
    ...(jwt.jwks_file === undefined ? {} : { jwks: await loadJwks(jwt.jwks_file) }),
    ...(jwt.jwks_url === undefined ? {} : { jwksUrl: jwt.jwks_url }),
    algorithms: jwt.algorithms ?? [],
    ...(jwt.audience === undefined ? {} : { audience: jwt.audience }),
    ...(jwt.issuer === undefined ? {} : { issuer: jwt.issuer }),
    ...(jwt.workspace === undefined ? {} : { workspace: jwt.workspace }),
    requireScope: jwt.require_scope ?? false,
    toleranceSeconds: jwt.tolerance_seconds ?? 60,
  }
}

/** Returns the texts of the workspace's files, if the caller may read files. */
export function rulesFor(
  { workdir, file }: Config,
  caller: Caller,
  workspace: Pick<Workspace, 'accessFor'>,
): ReturnType<typeof readAgentRules> {
  const files = mayUse(caller, 'files:read') ? (file.mcp?.instructions ?? ['AGENTS.md']) : []
  return readAgentRules(repositoryIn(workdir, workspace), files)
}

/** Returns the folder of the prompts; undefined if none is configured. */
export function promptSource(
  { workdir, file }: Config,
  workspace: Pick<Workspace, 'accessFor'>,
): PromptSource | undefined {
  const folder = file.mcp?.prompts
  if (folder === undefined) return undefined
  const repository = repositoryIn(workdir, workspace)
  return {
    folder: resolve(workdir, folder),
    files: (accepts, most) => readRepositoryFolder(folder, repository, { accepts, most }),
  }
}

function repositoryIn(workdir: string, { accessFor }: Pick<Workspace, 'accessFor'>): Repository {
  return { top: workdir, access: accessFor(false) }
}

/** Returns the toolsets of a client that names none, as `?toolsets=` names them; undefined: the default toolset. */
export function toolsetsOf({ file: { toolsets: names } }: Config): readonly string[] | undefined {
  const unknown = names?.find((name) => !TOOLSETS.includes(name))
  if (unknown === undefined) return names
  throw new StartError(`there is no toolset ${JSON.stringify(unknown)}; there are: ${TOOLSETS.join(', ')}`)
}
