// The server that the public MCP suite runs against: the product's front door and protocol engine, with the
// fixture's tools, prompts and resources in the place of the workspace's. The suite cannot send a credential, so
// this server asks for none: it listens on 127.0.0.1 only and reaches no operation. `node main.ts` prints its
// address on stdout and ends in order at SIGTERM or SIGINT.

import { once } from 'node:events'
import { Fault } from '../../../src/base/fault.ts'
import { openLog } from '../../../src/base/log.ts'
import type { Caller } from '../../../src/caller.ts'
import type { Gate } from '../../../src/invoke.ts'
import { openJsonReader } from '../../../src/transports/json-reader.ts'
import { mcpEndpoint } from '../../../src/transports/mcp/endpoint.ts'
import { openServer } from '../../../src/transports/server.ts'
import { openTargets } from '../../../src/workspace/targets.ts'
import { openFixture } from './fixture.ts'

const HOST = '127.0.0.1'

/** Every client of the suite. */
const ANYONE: Caller = { id: 'conformance', scopes: new Set(), expiresAt: undefined }

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
  throw new Fault('forbidden', 'the conformance server has no operations')
}

const log = openLog('warn')
const stopping = new AbortController()
await using json = openJsonReader()
const mcp = mcpEndpoint({
  registry: openFixture(),
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
const door = {
  gate: GATE,
  catalog: [],
  credentials,
  json,
  targets: openTargets({}),
  mcp,
  upgrades: () => undefined,
  log,
}
await using server = await openServer(door, RULES)
console.log(`conformance server on http://${HOST}:${server.address.port}/mcp`)
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
stopping.abort()
