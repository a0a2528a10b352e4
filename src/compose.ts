// Opens everything between clients and operations: the gate, the credentials, the engine of each protocol, and the HTTP
// server they share. It opens after the workspace and closes before it.

import { buildFacts } from './base/assets.ts'
import { catalog, resourceKinds, servedWith } from './catalog.ts'
import type { Caller } from './caller.ts'
import type { Config } from './config/config.ts'
import { configSchema } from './config/config-schema.ts'
import type { Daemon } from './daemon.ts'
import { errnoOf } from './base/fault.ts'
import { openGate, type Gate } from './invoke.ts'
import type { Log } from './base/log.ts'
import { noDesktop } from './operations/desktop.ts'
import { fixed, joined, narrowed, type Catalog } from './shelf.ts'
import { credentialOptions, gateLimits, promptSource, rulesFor, serverRules, toolsetsOf } from './settings.ts'
import { StartError } from './base/signals.ts'
import { jwtAdvice } from './transports/credentials/jwt-advice.ts'
import { openCredentials, type Credentials } from './transports/credentials/credentials.ts'
import type { EntryHandler } from './transports/entries.ts'
import { describing } from './transports/description/description.ts'
import { openJsonReader } from './transports/json-reader.ts'
import { mcpEndpoint } from './transports/mcp/protocol/endpoint.ts'
import { instructions } from './transports/mcp/product/instructions.ts'
import { openProduct } from './transports/mcp/product/product.ts'
import { openProxy } from './transports/proxy/proxy.ts'
import { openServer, type FrontDoor, type ServerParts } from './transports/server.ts'
import { openSocketHub } from './transports/socket/hub.ts'
import type { Workspace } from './workspace/workspace.ts'

/** Time to send answers that are ready when the daemon stops. */
const LAST_ANSWERS_MS = 500

export interface DoorParts {
  readonly workspace: Workspace
  readonly daemon: Daemon
  readonly token: string
  /** Descriptor of a listening socket that the service manager has handed over. */
  readonly listener: number | undefined
  readonly log: Log
  /** Operations beside the built-in ones; the owner of a shelf may change them at run time. */
  readonly shelves?: readonly Catalog[]
}

export interface Doors extends AsyncDisposable {
  readonly front: FrontDoor
  readonly credentials: Credentials
  /** Refuses new calls. Resolves when the running calls are done and answered, or some time after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export async function openDoors(config: Config, parts: DoorParts): Promise<Doors> {
  await using stack = new AsyncDisposableStack()
  const { workspace, daemon, log } = parts
  const gate = openGate(workspace, gateLimits(config), log, daemon)
  const accepted = await credentialOptions(config, parts.token)
  const credentials = stack.use(await openCredentials(accepted))
  for (const advice of accepted.jwt === undefined ? [] : jwtAdvice(accepted.jwt))
    log.warn('jwt_accepts_more', { ...advice })
  const json = stack.use(openJsonReader())
  const whole = stack.use(joined([fixed(catalog), ...(parts.shelves ?? [])]))
  const offered = narrowed(whole, servedWith(toolsetsOf(config)))
  const description = describing({
    catalog: offered,
    version: buildFacts().version,
    config: configSchema,
  })
  const stopping = new AbortController()
  const kinds = [...resourceKinds, description.kind]
  const served = stack.use(joined([offered, fixed(description.operations)]))
  const mcp = openMcp(config, workspace, { gate, catalog: whole, json, kinds, stopping: stopping.signal, log })
  const sockets = stack.use(openSocketHub({ terminals: workspace.terminals, watchers: workspace.watchers, log }))
  const proxy = stack.use(openProxy(gate))
  const front = stack.use(
    await listen(
      {
        gate,
        credentials,
        json,
        log,
        daemon,
        catalog: served,
        targets: workspace.targets,
        handlers: {
          '/mcp': { answer: mcp },
          '/ws': { upgrade: sockets.accept },
          '/proxy': proxy,
          '/desktop': absentDesktop(gate),
        },
      },
      config,
      parts.listener,
    ),
  )
  proxy.refusePort(front.address.port)
  stack.use(
    daemon.measure({
      calls: () => gate.running,
      sockets: () => sockets.size,
      connections: () => front.connections(),
    }),
  )
  const opened = stack.move()
  return {
    front,
    credentials,
    async close(graceMs) {
      gate.close()
      stopping.abort()
      front.stopAccepting()
      proxy.closeTunnels()
      await Promise.all([sockets.goAway(), gate.idle(AbortSignal.timeout(graceMs))])
      await mcp.settled(AbortSignal.timeout(LAST_ANSWERS_MS))
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

type McpParts = Pick<Parameters<typeof mcpEndpoint>[0], 'json' | 'stopping'> &
  Pick<Parameters<typeof openProduct>[0], 'gate' | 'catalog' | 'kinds'> & { readonly log: Log }

function openMcp(
  config: Config,
  workspace: Workspace,
  { gate, catalog: operations, kinds, json, stopping, log }: McpParts,
): ReturnType<typeof mcpEndpoint> {
  const rules = (caller: Caller): ReturnType<typeof rulesFor> => rulesFor(config, caller, workspace)
  return mcpEndpoint({
    registry: openProduct({
      gate,
      catalog: operations,
      kinds,
      rules,
      toolsets: toolsetsOf(config),
      confirms: config.file.mcp?.confirm ?? false,
      promptFiles: promptSource(config, workspace),
    }),
    json,
    gate,
    stopping,
    log,
    serverInfo: { name: 'workspace-runtime', version: buildFacts().version },
    instructions: async (caller) => instructions(config.workdir, await rules(caller)),
  })
}

/** Returns a handler that answers 501 to each caller with a scope (protocol.md#desktop). */
function absentDesktop(gate: Gate): EntryHandler {
  return {
    async answer({ caller }) {
      gate.enter({ name: 'desktop_use', scope: 'none' }, caller)()
      throw noDesktop()
    },
    upgrade: () => Promise.reject(noDesktop()),
  }
}

async function listen(parts: ServerParts, config: Config, listener: number | undefined): Promise<FrontDoor> {
  try {
    return await openServer(parts, serverRules(config, listener))
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
