// One daemon's life: open everything in order, say that it is ready, and on a signal close it in the reverse
// order. The only file that knows all the parts.

import { isatty } from 'node:tty'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Assets, buildFacts, ripgrepPath } from './assets.ts'
import { catalog, catalogWith, resourceKinds, TOOLSETS } from './catalog.ts'
import { mayUse, type Caller } from './caller.ts'
import type { Config } from './config.ts'
import { configSchema } from './config-schema.ts'
import { openConformanceListener } from './conformance.ts'
import { openDaemon, type Daemon } from './daemon.ts'
import { errnoOf } from './fault.ts'
import { holdRandom } from './fresh-random.ts'
import { noDesktop } from './operations/desktop.ts'
import { openGate, type GateLimits } from './invoke.ts'
import { openLog, type Log } from './log.ts'
import { keepHeapSmall } from './native/heap.ts'
import { fillRandom } from './native/random.ts'
import { openClockWatch } from './service/clock-watch.ts'
import { endOnDefects } from './service/defects.ts'
import { openLogOutlet } from './service/log-outlet.ts'
import { openService } from './service/service.ts'
import { StartError } from './start-error.ts'
import { loadJwks, loadJwtSecret } from './key-files.ts'
import { loadToken, tokenSources, type LoadedToken } from './token-store.ts'
import { openTokenWatch } from './token-watch.ts'
import { openCredentials, type JwtOptions } from './transports/credentials/credentials.ts'
import { describing } from './transports/description/description.ts'
import { openJsonReader } from './transports/json-reader.ts'
import { mcpEndpoint } from './transports/mcp/endpoint.ts'
import { instructions } from './transports/mcp/instructions.ts'
import { openProduct } from './transports/mcp/product.ts'
import { isLoopback } from './transports/origin.ts'
import { openProxy } from './transports/proxy/proxy.ts'
import { isProxied } from './transports/proxy/target.ts'
import { openServer, type FrontDoor } from './transports/server.ts'
import type { UpgradeRoutes } from './transports/upgrade.ts'
import { openSocketHub } from './transports/socket/hub.ts'
import { readAgentRules } from './workspace/files/agent-rules.ts'
import { openWorkspace } from './workspace/workspace.ts'

/** What runs may go on for this long after the first signal (reliability C-01: exit within 15 s). */
const GRACE_MS = 10_000
/** What has been done is told within this time. */
const LAST_ANSWERS_MS = 500
/** After that everything is closed by force; what still hangs then is left behind. */
const FORCE_MS = 4_000
/** npm passes a Ctrl-C on within some 10 ms; nobody presses it twice in this time. */
const SAME_CTRL_C_MS = 150

/** Serves until a signal; ends the process. Throws StartError for what the operator must change. */
export async function serve(config: Config, assets: Assets): Promise<void> {
  await using stack = new AsyncDisposableStack()
  stack.use(assets)
  const { file } = config
  let reload = (): void => {}
  const signal = nextSignal(() => reload())
  const outlet = openLogOutlet(2) // lives as long as the process: the last lines are written at its exit
  const log = openLog(config.logLevel, outlet)
  endOnDefects(log)
  stack.use(holdRandom(fillRandom))
  const service = stack.use(openService(config.environment, log))
  for (const problem of assets.problems) log.warn(problem)
  const sources = tokenSources(config)
  const token = await loadToken(sources)
  const jwt = await jwtOptions(config)
  const toolsets = checkedToolsets(file.toolsets ?? [])
  const offered = catalogWith(toolsets)
  const options = workspaceOptions(config)
  const workspace = stack.use(await openWorkspace({ ...options, groups: service.groups }))
  const limits = { concurrency: file.limits?.concurrency ?? 512, rate: file.limits?.rate ?? 0 }
  const daemon = stack.use(daemonOf(options, limits, assets))
  daemon.gauges.logLinesDropped = () => log.lost ?? 0
  const gate = openGate(workspace, limits, log, daemon)
  daemon.gauges.calls = () => gate.running
  const credentials = stack.use(
    await openCredentials({ token: token.token, jwt, failedAuthPerSecond: file.limits?.failed_auth ?? 20 }),
  )
  const json = stack.use(openJsonReader())
  const { version } = buildFacts()
  const description = describing({ catalog: offered, version, config: configSchema })
  const served = [...offered, ...description.operations]
  const stopping = new AbortController()
  const rules = (caller: Caller) => rulesFor(config, caller)
  const mcp = mcpEndpoint({
    registry: openProduct({
      gate,
      catalog,
      toolsets,
      kinds: [...resourceKinds, description.kind],
      rules,
      confirms: file.mcp?.confirm ?? false,
      promptFolder: promptFolder(config),
    }),
    json,
    serverInfo: { name: 'workspace-runtime', version },
    instructions: async (caller) => instructions(config.workdir, await rules(caller)),
    stopping: stopping.signal,
  })
  const sockets = stack.use(openSocketHub({ terminals: workspace.terminals, watchers: workspace.watchers, log }))
  daemon.gauges.sockets = () => sockets.size
  const proxy = stack.use(openProxy(gate))
  const upgrades: UpgradeRoutes = (path, atRoot) => {
    if (path === '/ws') return sockets.accept
    if (atRoot && DESKTOP_SOCKETS.test(path)) return refuseDesktop
    return isProxied(path) ? proxy.upgrade : undefined
  }
  const door = stack.use(
    await listen(
      { gate, catalog: served, credentials, json, targets: workspace.targets, mcp, proxy, upgrades, log, daemon },
      config,
      service.listener,
    ),
  )
  daemon.gauges.connections = () => door.connections()
  if (config.conformancePort !== undefined) {
    if (!isLoopback(config.host)) throw new StartError('--conformance-port is only for a daemon bound to loopback')
    const say = (line: string): void => void outlet.offer(line)
    const fixture = stack.use(await openConformanceListener(config.conformancePort, { gate, json, log, version, say }))
    proxy.refusePort(fixture.address.port)
  }
  if (config.logLevel !== 'silent') outlet.offer(readyLine(door, token))
  stack.use(openClockWatch({ jumped: (seconds) => clockJumped(daemon, log, seconds) }))
  const watch = stack.use(openTokenWatch({ sources, take: (token) => credentials.replaceToken(token), log }))
  reload = () => watch.reload()
  service.ready(`serving on ${urlOf(door)}`)
  keepHeapSmall()
  const first = await signal
  exitAtNextSignal(first)
  log.info('stopping', { signal: first })
  service.stopping(GRACE_MS + LAST_ANSWERS_MS + FORCE_MS)
  gate.close()
  stopping.abort()
  door.stopAccepting()
  proxy.closeTunnels()
  await Promise.all([sockets.goAway(), gate.idle(AbortSignal.timeout(GRACE_MS))])
  await mcp.settled(AbortSignal.timeout(LAST_ANSWERS_MS))
  const force = setTimeout(() => process.exit(0), FORCE_MS)
  await stack.disposeAsync()
  clearTimeout(force)
  process.exit(0)
}

/** Of the desktop, and of a session of it (contract 10). */
const DESKTOP_SOCKETS = /^\/desktop(\/sessions\/[^/]+)?\/ws$/

function refuseDesktop(): never {
  throw noDesktop()
}

async function listen(
  parts: Parameters<typeof openServer>[0],
  config: Config,
  descriptor: number | undefined,
): Promise<FrontDoor> {
  const { file } = config
  try {
    return await openServer(parts, {
      host: config.host,
      port: config.port,
      descriptor,
      origins: file.cors?.origins ?? [],
      allowedHosts: file.allowed_hosts ?? [],
      bodyBytes: file.limits?.body_bytes ?? 64 * 1024 * 1024,
      accessLog: config.accessLog,
    })
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EADDRINUSE')
      throw new StartError(`port ${config.port} on ${config.host} is in use; choose another with --port`)
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new StartError(`the address ${config.host} is not one of this machine; change --host`)
    if (code === 'EACCES')
      throw new StartError(`port ${config.port} may not be used by this user; choose one above 1023 with --port`)
    throw error
  }
}

function workspaceOptions(config: Config): Omit<Parameters<typeof openWorkspace>[0], 'groups'> {
  const { file } = config
  return {
    workdir: config.workdir,
    stateDirectory: config.stateDirectory,
    environment: config.environment,
    ownBin: fileURLToPath(new URL('../node_modules/.bin', import.meta.url)),
    commandVariables: file.exec?.env ?? {},
    execs: file.limits?.execs ?? 50,
    terminals: file.limits?.terminals ?? 10,
    watchers: file.limits?.watchers ?? 5,
    durable: file.files?.durable ?? true,
    engine: file.search?.engine ?? 'auto',
    ripgrep: ripgrepPath(),
    targets: file.targets ?? {},
  }
}

/** What the workspace's files say is for those who may read them. */
function rulesFor({ workdir, file }: Config, caller: Caller): ReturnType<typeof readAgentRules> {
  const files = mayUse(caller, 'files:read') ? (file.mcp?.instructions ?? ['AGENTS.md']) : []
  return readAgentRules(workdir, files)
}

function promptFolder({ workdir, file }: Config): string | undefined {
  return file.mcp?.prompts === undefined ? undefined : resolve(workdir, file.mcp.prompts)
}

async function jwtOptions(config: Config): Promise<JwtOptions | undefined> {
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
    toleranceSeconds: jwt.tolerance_seconds ?? 60,
  }
}

function checkedToolsets(names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => !TOOLSETS.includes(name))
  if (unknown === undefined) return names
  throw new StartError(`there is no toolset ${JSON.stringify(unknown)}; there are: ${TOOLSETS.join(', ')}`)
}

/** SIGHUP asks for the token to be read anew, unless it means that the terminal the daemon runs at has gone. */
function nextSignal(reload: () => void): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))
  process.on('SIGTERM', () => resolve('SIGTERM'))
  process.on('SIGINT', () => resolve('SIGINT'))
  process.on('SIGHUP', () => (terminals.every((descriptor) => isatty(descriptor)) ? reload() : resolve('SIGHUP')))
  return promise
}

/** A second signal ends at once. Under npm one Ctrl-C arrives twice: from the terminal, and passed on by npm. */
function exitAtNextSignal(first: string): void {
  const heard = performance.now()
  process.once('SIGTERM', () => process.exit(1))
  process.on('SIGINT', () => {
    if (first !== 'SIGINT' || performance.now() - heard > SAME_CTRL_C_MS) process.exit(1)
  })
}

function urlOf({ address }: FrontDoor): string {
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${host}:${address.port}`
}

/** Contract 15.5: one line with address, port and token file; the token itself only for a person at a terminal. */
function readyLine(door: FrontDoor, token: LoadedToken): string {
  const where = token.path ?? (token.source === 'environment' ? 'the environment' : 'none')
  const shown = isatty(2) && token.created ? `, token ${token.token}` : ''
  return `workspace-runtime: ready on ${urlOf(door)}, token in ${where}${shown}`
}

function daemonOf(options: ReturnType<typeof workspaceOptions>, gate: GateLimits, { problems }: Assets): Daemon {
  const { stateDirectory, execs, terminals, watchers } = options
  return openDaemon({ stateDirectory, limits: { execs, terminals, watchers, ...gate }, problems })
}

function clockJumped(daemon: Daemon, log: Log, seconds: number): void {
  daemon.clockJumps++
  log.warn('clock_jump', { seconds: Math.round(seconds) })
}
