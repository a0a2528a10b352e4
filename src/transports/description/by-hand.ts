// The entries (entries.ts) in the API description, by hand: they are no operations of the catalogue, so they have no
// input and output to derive from.

import { LEGACY_VERSIONS, MODERN_VERSIONS } from '../mcp/protocol/revision.ts'
import type { EntryPath } from '../entries.ts'
import type { PlainSchema } from '../plain-schema.ts'

const FAULT = {
  description: 'Refused.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/error' } } },
}
/** A refusal in the form of the protocol, with the fields of every other refusal beside it. */
const RPC_FAULT = {
  description: 'Refused: a JSON-RPC error, whose `data` is the body of every other refusal.',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['jsonrpc', 'id', 'error'],
        properties: {
          jsonrpc: { const: '2.0' },
          id: { type: ['string', 'number', 'null'] },
          error: {
            type: 'object',
            required: ['code', 'message'],
            properties: { code: { type: 'integer' }, message: { type: 'string' }, data: { type: 'object' } },
          },
        },
      },
    },
  },
}
/** Credentials on a browser's paths: it can send no header with a WebSocket or a page (protocol.md#auth). */
const BROWSER_SECURITY = [{ bearer: [] }, { token: [] }]

const text = (description: string, more: object = {}): PlainSchema => ({ type: 'string', description, ...more })

const ws: PlainSchema = {
  get: {
    operationId: 'ws',
    tags: ['Terminals'],
    summary: 'A WebSocket with the output and input of every terminal, and the events of every watcher.',
    description:
      'Binary frames are one byte, the id of a terminal, and raw bytes. Text frames are JSON with a `channel`: ' +
      '`terminal`, `watcher` or `error`. A new client closes older ones of the same credential (close code 4000) ' +
      'unless `mode` is `shared`.',
    security: BROWSER_SECURITY,
    parameters: [
      { name: 'mode', in: 'query', schema: { type: 'string', enum: ['replace', 'shared'], default: 'replace' } },
      {
        name: 'since',
        in: 'query',
        schema: text('Offsets up to which terminals have been read: only what follows is sent.'),
        example: '1:77777:LIFE,2:123',
      },
      {
        name: 'flow',
        in: 'query',
        schema: text('`ack`: no more is sent than one window ahead of what was acknowledged.', { enum: ['ack'] }),
      },
    ],
    responses: { 101: { description: 'The WebSocket is open.' }, 426: FAULT, default: FAULT },
  },
}

const mcp: PlainSchema = {
  get: {
    operationId: 'mcp_look',
    tags: ['MCP'],
    summary: 'Names the server, its version and its tools, for a person who looks.',
    responses: {
      200: { description: 'Name, version and tools.', content: { 'application/json': { schema: { type: 'object' } } } },
      default: FAULT,
    },
  },
  post: {
    operationId: 'mcp',
    tags: ['MCP'],
    summary: 'The Model Context Protocol: one JSON-RPC 2.0 message, of at most 4 MiB.',
    description: `Revisions of the protocol: ${[...MODERN_VERSIONS, ...LEGACY_VERSIONS].join(', ')}. There are no sessions.`,
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { type: 'object' },
          example: { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} },
        },
      },
    },
    responses: {
      200: {
        description: 'A JSON-RPC response, or a stream of messages that ends with it.',
        content: {
          'application/json': { schema: { type: 'object' } },
          'text/event-stream': { schema: { type: 'string' } },
        },
      },
      202: { description: 'A notification was taken.' },
      default: RPC_FAULT,
    },
  },
}

function proxied(method: string): PlainSchema {
  return {
    operationId: `proxy_${method}`,
    tags: ['Ports and previews'],
    summary: 'What a server on a loopback port of this machine answers.',
    description:
      'Path, query, headers and body go to the target as they are, without the credential; a WebSocket upgrade too. ' +
      'The path behind `/proxy` is that of the target; `/proxy/<port>/<path>` names the target without header or query.',
    security: method === 'get' ? BROWSER_SECURITY : [{ bearer: ['proxy'] }],
    parameters: [
      {
        name: 'X-Oblien-Proxy-Target',
        in: 'header',
        schema: text('A port, or a loopback host and a port.'),
        example: '3000',
      },
      { name: 'x_oblien_target', in: 'query', schema: text('The same, where no header can be sent.') },
      { name: 'X-Forward-Authorization', in: 'header', schema: text('The Authorization header of the target.') },
    ],
    responses: {
      default: {
        description: 'The answer of the target as it is, or a refusal of the daemon.',
        content: { '*/*': {} },
      },
      502: FAULT,
      504: FAULT,
    },
  }
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const

const desktop: PlainSchema = {
  get: {
    operationId: 'desktop_use',
    tags: ['Desktop'],
    summary: 'Answers 501: this release has no desktop. So does every path below, except `/desktop/status`.',
    security: BROWSER_SECURITY,
    responses: { 501: FAULT, default: FAULT },
  },
}

export const BY_HAND: Readonly<Record<EntryPath, PlainSchema>> = {
  '/desktop': desktop,
  '/mcp': mcp,
  '/proxy': Object.fromEntries(METHODS.map((method) => [method, proxied(method)])),
  '/ws': ws,
}
