// A small catalogue that shows every kind of answer a tool can give, behind the real gate and the real
// intake, and the endpoint on a real socket.

import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Caller } from '../../../src/caller.ts'
import { Fault } from '../../../src/base/fault.ts'
import { openGate, type GateLimits } from '../../../src/invoke.ts'
import { JsonText } from '../../../src/base/json-text.ts'
import { openLog } from '../../../src/base/log.ts'
import { operation, type Operation } from '../../../src/operation.ts'
import { content, flag, list, optional, path, text, Type, whole } from '../../../src/schema.ts'
import { fixed } from '../../../src/shelf.ts'
import { openJsonReader } from '../../../src/transports/json-reader.ts'
import { mcpEndpoint } from '../../../src/transports/mcp/protocol/endpoint.ts'
import { openEngine, type EngineReply } from '../../../src/transports/mcp/protocol/engine.ts'
import { readHeaders } from '../../../src/transports/mcp/protocol/http-entry.ts'
import { openProduct } from '../../../src/transports/mcp/product/product.ts'
import type { Workspace } from '../../../src/workspace/workspace.ts'
import { EVERYTHING } from '../../../src/workspace/files/opening/access.ts'

const READ = { readOnly: true, destructive: false, idempotent: true, openWorld: false }
const WRITE = { readOnly: false, destructive: true, idempotent: false, openWorld: false }

/** Counts of the operations below. */
export const seen = { aborted: 0, started: 0 }

const note = operation({
  name: 'note_read',
  title: 'Read a note',
  summary: 'Reads a note.',
  scope: 'files:read',
  input: Type.Object({
    path: path('The note.', { default: '/' }),
    tags: list('Only notes with these tags.'),
    deep: flag('Read notes below it too.', false),
    limit: whole('Most notes.', { minimum: 1, maximum: 50, default: 10 }),
    secret: optional(text('Comes back.')),
    format: optional(text('Only REST has it.')),
  }),
  output: Type.Object({ path: Type.String(), limit: Type.Integer(), secret: Type.Optional(Type.String()) }),
  aliases: { file: 'path' },
  routes: [{ method: 'GET', path: '/notes' }],
  tool: { hints: READ, description: 'Reads a note and returns it.', hidden: ['format'] },
  run: async (input) => {
    if (input.secret !== undefined) await pause(Math.random() * 3)
    return { path: input.path, limit: input.limit, ...(input.secret === undefined ? {} : { secret: input.secret }) }
  },
})

const write = operation({
  name: 'note_write',
  title: 'Write a note',
  summary: 'Writes a note.',
  scope: 'files:write',
  input: Type.Object({
    path: path('The note.'),
    content: content('Its text.'),
    create_dirs: flag('Create missing parents.', false),
  }),
  output: Type.Object({ path: Type.String(), size: Type.Integer(), create_dirs: Type.Boolean() }),
  routes: [{ method: 'POST', path: '/notes', status: 201 }],
  tool: { hints: WRITE, description: 'Writes a note.', defaults: { create_dirs: true } },
  run: (input) => {
    if (input.path === '/missing')
      throw new Fault('not_found', 'path "/missing" does not exist', { details: { path: '/missing' } })
    if (input.path === '/broken') throw new Error('a defect with a secret stack')
    return Promise.resolve({ path: input.path, size: input.content.length, create_dirs: input.create_dirs })
  },
})

const wait = operation({
  name: 'wait',
  title: 'Wait',
  summary: 'Waits until it is cancelled, or for some milliseconds.',
  scope: 'exec',
  input: Type.Object({ ms: whole('How long.', { minimum: 0, maximum: 60_000, default: 60_000 }) }),
  output: Type.Object({ waited: Type.Boolean() }),
  routes: [{ method: 'POST', path: '/wait' }],
  tool: { hints: READ, description: 'Waits.' },
  run: async ({ ms }, { signal, progress }) => {
    seen.started++
    progress?.(() => `waits ${ms} ms`)
    try {
      await pause(ms, undefined, { signal, ref: false }) // calls that no test can cancel must not hold the process
    } catch (error) {
      seen.aborted++
      throw error
    }
    return { waited: true }
  },
})

/** Listing of some 3 MB, rendered like a worker's: chunks end inside characters. */
export const LARGE = Array.from({ length: 30_000 }, (_, i) => ({
  name: `"entry" ${i} \u{1f600}é\\`,
  path: `/große/${i}`,
  type: 'file',
}))

const large = operation({
  name: 'large',
  title: 'Large',
  summary: 'A long listing.',
  scope: 'files:read',
  input: Type.Object({}),
  output: Type.Object({ entries: Type.Array(Type.Unknown()), count: Type.Integer() }),
  routes: [{ method: 'GET', path: '/large' }],
  tool: { hints: READ, description: 'A long listing.' },
  run: () => {
    const bytes = Buffer.from(JSON.stringify(LARGE))
    const chunks: Uint8Array[] = []
    for (let i = 0; i < bytes.length; i += 65_537) chunks.push(bytes.subarray(i, i + 65_537))
    return Promise.resolve({ entries: new JsonText<unknown[]>(chunks), count: LARGE.length })
  },
})

const restOnly = operation({
  name: 'rest_only',
  title: 'REST only',
  summary: 'No tool.',
  scope: 'none',
  input: Type.Object({}),
  output: Type.Object({}),
  routes: [{ method: 'GET', path: '/rest-only' }],
  run: () => Promise.resolve({}),
})

export const catalog = [note, write, wait, large, restOnly] as unknown as readonly Operation[]

export const ANYONE: Caller = { id: 'token', scopes: 'all', expiresAt: undefined }
export const READER: Caller = { id: 'reader', scopes: new Set(['files:read']), expiresAt: undefined }

const SERVER = { name: 'fixture', version: '1.2.3' }
const NO_LIMIT: GateLimits = { concurrency: 10_000, rate: 0 }

export function openParts(limits = NO_LIMIT) {
  // The operations above use nothing of their workspace.
  const gate = openGate({ accessFor: () => EVERYTHING } as unknown as Workspace, limits, openLog('silent'))
  const stopping = new AbortController().signal
  return {
    gate,
    registry: openProduct({ gate, catalog: fixed(catalog), kinds: [] }),
    serverInfo: SERVER,
    instructions: () => 'be kind',
    stopping,
  }
}

/** Sends one message through the engine, with headers as a client writes them. */
export async function ask(
  body: unknown,
  headers: IncomingHttpHeaders = {},
  { caller = ANYONE, closed = new AbortController().signal } = {},
): Promise<EngineReply> {
  const engine = openEngine(openParts())
  const typed = { 'content-type': 'application/json', ...headers }
  const outlet = { streams: false, offer() {}, open() {}, send: () => false }
  return await engine.handle({ body, headers: readHeaders(typed), caller, requestId: 'r-1', outlet, closed })
}

export const LEGACY = { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' }

export const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '0' },
}

/** Returns a modern request and its headers. */
export function modern(method: string, params: Record<string, unknown> = {}, id: string | number = 1) {
  const name = typeof params['name'] === 'string' ? { 'mcp-name': params['name'] } : {}
  return {
    body: { jsonrpc: '2.0', id, method, params: { ...params, _meta: META } },
    headers: {
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...name,
    } as Record<string, string>,
  }
}

/** Opens the endpoint behind a bare server; the caller's id comes from a header. */
export async function listen(limits = NO_LIMIT, parts: Partial<ReturnType<typeof openParts>> = {}) {
  const json = openJsonReader()
  const endpoint = mcpEndpoint({ ...openParts(limits), json, ...parts })
  const server = createServer((request, response) => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const id = request.headers['x-caller']
    const caller = typeof id === 'string' ? { ...ANYONE, id } : ANYONE
    const exchange = {
      request,
      response,
      caller,
      requestId: 'r-1',
      signal: gone.signal,
      headers: { 'x-request-id': 'r-1' },
    }
    void endpoint({ ...exchange, query: new URLSearchParams() })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/mcp`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await json[Symbol.asyncDispose]()
    },
  }
}

/** Fields of a reply that tests read; they compare the rest as a whole. */
export interface Received {
  readonly id: unknown
  readonly result: { readonly content: readonly [{ readonly text: string }]; readonly structuredContent: unknown }
}

export function parse(text: string): Received {
  return JSON.parse(text === '' ? 'null' : text) // an accepted notification has no body, and no test reads one
}

export async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const received = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text: received,
    body: parse(received),
  }
}
