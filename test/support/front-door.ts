// The HTTP server and the protocol engine of the product without a daemon. It asks for no credential, so it listens on
// 127.0.0.1 alone, and it runs no operation.

import { Fault } from '../../src/base/fault.ts'
import { openLog } from '../../src/base/log.ts'
import type { Caller } from '../../src/caller.ts'
import type { Gate } from '../../src/invoke.ts'
import { fixed } from '../../src/shelf.ts'
import { openJsonReader } from '../../src/transports/json-reader.ts'
import { mcpEndpoint } from '../../src/transports/mcp/protocol/endpoint.ts'
import { openServer, type FrontDoor, type ServerRules } from '../../src/transports/server.ts'
import { openTargets } from '../../src/workspace/targets.ts'

const HOST = '127.0.0.1'

/** Every client. */
const ANYONE: Caller = { id: 'anyone', scopes: new Set(), expiresAt: undefined }

const RULES = {
  host: HOST,
  port: 0,
  origins: [],
  allowedHosts: [],
  bodyBytes: 1024 * 1024,
  connections: 256,
  accessLog: false,
}

/** Admits every message and runs no operation. */
const GATE: Gate = {
  running: 0,
  hold: () => () => undefined,
  enter: refuse,
  invoke: refuse,
  close: () => undefined,
  idle: () => Promise.resolve(),
}

function refuse(): never {
  throw new Fault('forbidden', 'this server has no operations')
}

type Registry = Parameters<typeof mcpEndpoint>[0]['registry']

/** `registry`: what is served at /mcp. */
export async function openFrontDoor(registry: Registry, rules: Partial<ServerRules> = {}): Promise<FrontDoor> {
  await using opened = new AsyncDisposableStack()
  const json = opened.use(openJsonReader())
  const stopping = opened.adopt(new AbortController(), (controller) => controller.abort())
  const mcp = mcpEndpoint({
    registry,
    json,
    gate: GATE,
    serverInfo: { name: 'workspace-runtime-conformance', version: '1' },
    instructions: () => undefined,
    stopping: stopping.signal,
  })
  const credentials = {
    judge: () => ({ ok: true, caller: ANYONE }) as const,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  const log = openLog('warn')
  const parts = {
    gate: GATE,
    catalog: fixed([]),
    credentials,
    json,
    targets: openTargets({}),
    handlers: { '/mcp': { answer: mcp } },
    log,
  }
  const door = opened.use(await openServer(parts, { ...RULES, ...rules }))
  const owned = opened.move()
  return { ...door, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
