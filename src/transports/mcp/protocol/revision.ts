// Finds the protocol of a message (protocol.md#dialects): bare JSON-RPC without a handshake, a revision with the
// initialize handshake (legacy), or 2026-07-28 and later, where each request names its revision (modern). The body
// decides, then the headers are checked against it. Pure.

import {
  entryRefusal,
  RPC,
  type RpcError,
  isObject,
  type Message,
  type Params,
  type RpcNotification,
  type RpcRequest,
} from './json-rpc.ts'

export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
export const MODERN_VERSIONS = ['2026-07-28'] as const
/** Revisions, newest first, as the debug answer and the refusal of an unknown revision list them. */
export const PROTOCOL_VERSIONS: readonly string[] = [...MODERN_VERSIONS, ...LEGACY_VERSIONS]

/** Revision of a legacy caller that names none: that header came later (2025-06-18, transports). */
const ASSUMED_VERSION = '2025-03-26'
/** First revision whose clients take `structuredContent` and `outputSchema`. */
const STRUCTURED_SINCE = '2025-06-18'

export const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'

export type Era = 'bare' | 'legacy' | 'modern'

/** Headers that belong to the protocol, as the client sent them, without white space around them. */
export interface ProtocolHeaders {
  readonly version?: string
  readonly method?: string
  readonly name?: string
  /** True if Accept names text/event-stream: only MCP clients do that. */
  readonly acceptsStream: boolean
}

export interface Speaker {
  readonly era: Era
  /** Revision in force; undefined for a bare caller. */
  readonly version: string | undefined
}

/** True for a revision of the era without handshakes, known here or not. */
export function isModernVersion(version: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(version) && version >= MODERN_VERSIONS[0]
}

/** Returns the newest revision of the handshake era to a client that asks for an unknown one. */
export function negotiate(requested: string | undefined): string {
  return LEGACY_VERSIONS.find((version) => version === requested) ?? LEGACY_VERSIONS[0]
}

export function takesStructured(speaker: Speaker): boolean {
  return speaker.version !== undefined && speaker.version >= STRUCTURED_SINCE
}

/** Returns the revision that the body claims, of any type; undefined if it claims none. */
export function claimOf(params: Params): { readonly version: unknown } | undefined {
  const meta = params['_meta']
  return isObject(meta) && Object.hasOwn(meta, VERSION_KEY) ? { version: meta[VERSION_KEY] } : undefined
}

/** Returns the speaker; an RpcError if body and header contradict each other, or if the revision is unknown. */
export function speakerOf(message: Message, headers: ProtocolHeaders): Speaker | RpcError {
  const carriesParams = message.kind === 'request' || message.kind === 'notification'
  const claim = carriesParams ? claimOf(message.params) : undefined
  const initialize = message.kind === 'request' && message.method === 'initialize'
  const modernClaim = typeof claim?.version === 'string' && isModernVersion(claim.version)
  if (initialize ? modernClaim : claim !== undefined) {
    return { era: 'modern', version: typeof claim?.version === 'string' ? claim.version : undefined }
  }
  const { version } = headers
  if (version !== undefined && isModernVersion(version)) {
    return initialize ? handshakeInModernEra(version) : { era: 'modern', version }
  }
  if (initialize) return { era: 'legacy', version: negotiate(requestedVersion(message.params)) }
  if (version !== undefined && !PROTOCOL_VERSIONS.includes(version)) return unknownVersion(version)
  if (version !== undefined) return { era: 'legacy', version }
  return headers.acceptsStream ? { era: 'legacy', version: ASSUMED_VERSION } : { era: 'bare', version: undefined }
}

/** Returns the speaker by the headers alone, before the body could be read. */
export function speakerOfHeaders(headers: ProtocolHeaders): Speaker {
  const speaker = speakerOf({ kind: 'response', id: null, result: undefined }, headers)
  return 'era' in speaker ? speaker : { era: 'legacy', version: undefined }
}

function requestedVersion(params: Params): string | undefined {
  const requested = params['protocolVersion']
  return typeof requested === 'string' ? requested : undefined
}

function handshakeInModernEra(version: string): RpcError {
  const sentence = `MCP-Protocol-Version names ${version}, which has no initialize; send the request itself with its _meta envelope`
  return entryRefusal(RPC.headerMismatch, sentence, { modern: true })
}

function unknownVersion(requested: string): RpcError {
  const shown = requested.slice(0, 40)
  return entryRefusal(
    RPC.unsupportedVersion,
    `MCP-Protocol-Version names ${JSON.stringify(shown)}; supported are ${PROTOCOL_VERSIONS.join(', ')}`,
    { modern: false, data: { supported: PROTOCOL_VERSIONS, requested: shown } },
  )
}

const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities'
const CLIENT_KEY = 'io.modelcontextprotocol/clientInfo'

/** Field of `params` that `Mcp-Name` repeats, by method. */
export const NAME_SOURCE: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
])

/**
 * Returns the first rung that a modern message fails, or undefined. A modern request has an envelope in `params._meta`,
 * and headers that repeat parts of the body (2026-07-28, basic and streamable-http). Order: envelope -32602, revision
 * -32022, headers -32020; a header that contradicts the body's revision comes before the revision (server-stateless of
 * the public suite).
 */
export function checkModern(message: RpcRequest | RpcNotification, headers: ProtocolHeaders): RpcError | undefined {
  if (message.kind === 'notification') return checkNotification(message, headers)
  const { params } = message
  return (
    checkEnvelope(params) ?? contradiction(params, headers) ?? checkVersion(params) ?? checkHeaders(message, headers)
  )
}

function checkEnvelope(params: Params): RpcError | undefined {
  const meta = isObject(params['_meta']) ? params['_meta'] : {}
  const missing = [VERSION_KEY, CAPABILITIES_KEY].filter((key) => !Object.hasOwn(meta, key))
  if (missing.length > 0) {
    return envelopeRefusal(`params._meta lacks ${missing.map((key) => JSON.stringify(key)).join(' and ')}`, { missing })
  }
  const wrong =
    typeof meta[VERSION_KEY] !== 'string'
      ? VERSION_KEY
      : !isObject(meta[CAPABILITIES_KEY])
        ? CAPABILITIES_KEY
        : meta[CLIENT_KEY] !== undefined && !isObject(meta[CLIENT_KEY])
          ? CLIENT_KEY
          : undefined
  return wrong === undefined ? undefined : wrongType(wrong)
}

function wrongType(key: string): RpcError {
  const accepted = key === VERSION_KEY ? 'a revision such as "2026-07-28"' : 'an object'
  return envelopeRefusal(`params._meta[${JSON.stringify(key)}] has the wrong type; accepted is ${accepted}`, {
    invalid: [key],
  })
}

function checkVersion(params: Params): RpcError | undefined {
  const requested = claimOf(params)?.version
  if (typeof requested !== 'string' || (MODERN_VERSIONS as readonly string[]).includes(requested)) return undefined
  const shown = requested.slice(0, 40)
  return entryRefusal(
    RPC.unsupportedVersion,
    `the request names protocol version ${JSON.stringify(shown)}; supported in this form: ${MODERN_VERSIONS.join(', ')}`,
    { modern: true, data: { supported: MODERN_VERSIONS, requested: shown } },
  )
}

function checkHeaders(message: RpcRequest, headers: ProtocolHeaders): RpcError | undefined {
  const source = NAME_SOURCE.get(message.method)
  const name = source === undefined ? undefined : message.params[source]
  return (
    compare('MCP-Protocol-Version', headers.version, claimOf(message.params)?.version) ??
    compare('Mcp-Method', headers.method, message.method) ??
    (typeof name === 'string' ? compareName(headers.name, name) : undefined)
  )
}

/** Checks a notification: the revision demands no headers there, but headers that came must agree. */
function checkNotification(message: RpcNotification, headers: ProtocolHeaders): RpcError | undefined {
  const claim = claimOf(message.params)
  const method = headers.method === undefined ? undefined : compare('Mcp-Method', headers.method, message.method)
  if (claim === undefined) return method ?? checkVersionHeader(headers.version)
  if (typeof claim.version !== 'string') return wrongType(VERSION_KEY)
  return contradiction(message.params, headers) ?? checkVersion(message.params) ?? method
}

/** Returns a refusal if header and body name different revisions: one of them is wrong, known here or not. */
function contradiction(params: Params, headers: ProtocolHeaders): RpcError | undefined {
  return headers.version === undefined
    ? undefined
    : compare('MCP-Protocol-Version', headers.version, claimOf(params)?.version)
}

function checkVersionHeader(version: string | undefined): RpcError | undefined {
  return version === undefined ? undefined : checkVersion({ _meta: { [VERSION_KEY]: version } })
}

function compareName(header: string | undefined, expected: string): RpcError | undefined {
  if (header === undefined) return compare('Mcp-Name', undefined, expected)
  const decoded = decodeHeader(header)
  if (decoded === undefined)
    return mismatch('the Mcp-Name header is not readable: neither plain ASCII nor =?base64?…?=')
  return compare('Mcp-Name', decoded, expected)
}

/** Decodes a value: one that is not plain ASCII travels as `=?base64?…?=`, with exactly these markers. */
function decodeHeader(value: string): string | undefined {
  const encoded = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(value)?.[1]
  if (encoded === undefined) return /^[\t\x20-\x7e]*$/.test(value) && !value.startsWith('=?base64?') ? value : undefined
  if (encoded.length % 4 !== 0) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'))
  } catch {
    return undefined // the value is not UTF-8
  }
}

function compare(header: string, came: string | undefined, expected: unknown): RpcError | undefined {
  if (came === expected) return undefined
  const wanted = typeof expected === 'string' ? JSON.stringify(expected.slice(0, 100)) : 'nothing'
  if (came === undefined) return mismatch(`the ${header} header is missing; the body says ${wanted}`)
  return mismatch(`the ${header} header is ${JSON.stringify(came.slice(0, 100))}, but the body says ${wanted}`)
}

function mismatch(sentence: string): RpcError {
  return entryRefusal(RPC.headerMismatch, `Header mismatch: ${sentence}`, { modern: true })
}

function envelopeRefusal(sentence: string, envelope: object): RpcError {
  return entryRefusal(RPC.invalidParams, `${sentence}; each request of this revision carries its envelope`, {
    modern: true,
    data: { envelope },
  })
}
