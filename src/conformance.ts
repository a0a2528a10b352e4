// The listener that the public MCP suite is run against: the product's front door and protocol engine with the
// fixture's tools, prompts and resources instead of the workspace's. The suite cannot send a credential, so
// none is asked for: it listens on loopback only, only where a flag asks for it, and reaches no operation.

import type { AddressInfo } from 'node:net'
import type { Caller } from './caller.ts'
import { errnoOf } from './base/fault.ts'
import type { Gate } from './invoke.ts'
import type { Log } from './base/log.ts'
import { StartError } from './base/start-error.ts'
import type { JsonReader } from './transports/json-reader.ts'
import { mcpEndpoint } from './transports/mcp/endpoint.ts'
import { openFixture } from './transports/mcp/fixture/fixture.ts'
import { openServer } from './transports/server.ts'
import { openTargets } from './workspace/targets.ts'

export interface ConformanceParts {
  readonly gate: Gate
  readonly json: JsonReader
  readonly log: Log
  readonly version: string
  /** Tells the operator a line. */
  readonly say: (line: string) => void
}

export interface ConformanceListener extends AsyncDisposable {
  readonly address: AddressInfo
}

const HOST = '127.0.0.1'

const ANYONE: Caller = { id: 'conformance', scopes: new Set(), expiresAt: undefined }

/** Listens on 127.0.0.1; `port` 0 takes any free one. Says where. */
export async function openConformanceListener(port: number, parts: ConformanceParts): Promise<ConformanceListener> {
  const { gate, json, log, version, say } = parts
  const stopping = new AbortController()
  const mcp = mcpEndpoint({
    registry: openFixture(),
    json,
    gate: { hold: () => () => undefined }, // its one caller has no scope, and all of the suite's messages are its own
    serverInfo: { name: 'workspace-runtime-conformance', version },
    instructions: () => undefined,
    stopping: stopping.signal,
  })
  const credentials = {
    judge: () => ({ ok: true, caller: ANYONE }) as const,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  const door = { gate, catalog: [], credentials, json, targets: openTargets({}), mcp, upgrades: () => undefined, log }
  const rules = {
    host: HOST,
    port,
    origins: [],
    allowedHosts: [],
    bodyBytes: 1024 * 1024,
    connections: 256,
    accessLog: false,
  }
  try {
    const server = await openServer(door, rules)
    say(`workspace-runtime: conformance fixture on http://${HOST}:${server.address.port}/mcp, open to all here`)
    return {
      address: server.address,
      async [Symbol.asyncDispose]() {
        stopping.abort()
        await server[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    throw new StartError(`the conformance listener cannot use port ${port} on ${HOST}: ${code}`)
  }
}
