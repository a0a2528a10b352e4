// Which protocol a message speaks (protocol.md#dialects): bare JSON-RPC without any handshake, a revision with the
// initialize handshake (legacy), or 2026-07-28 and later, where each request names its revision (modern).
// The body decides, the headers are checked against it afterwards. Pure.

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
/** Newest first, as the debug answer and the refusal of an unknown revision list them. */
export const PROTOCOL_VERSIONS: readonly string[] = [...MODERN_VERSIONS, ...LEGACY_VERSIONS]

/** What a legacy caller who names no revision speaks: that header came later (2025-06-18, transports). */
const ASSUMED_VERSION = '2025-03-26'
/** The first revision whose clients take `structuredContent` and `outputSchema`. */
const STRUCTURED_SINCE = '2025-06-18'

export const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'

export type Era = 'bare' | 'legacy' | 'modern'

/** The headers that take part in the protocol, as they came, without white space around them. */
export interface ProtocolHeaders {
  readonly version?: string
  readonly method?: string
  readonly name?: string
  /** Accept names text/event-stream: only MCP clients do that. */
  readonly acceptsStream: boolean
}

export interface Speaker {
  readonly era: Era
  /** The revision in force; undefined for a bare caller. */
  readonly version: string | undefined
}

/** True for a revision of the era without handshakes, known here or not. */
export function isModernVersion(version: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(version) && version >= MODERN_VERSIONS[0]
}

/** The newest revision of the handshake era, answered to whoever asks for one that is unknown here. */
export function negotiate(requested: string | undefined): string {
  return LEGACY_VERSIONS.find((version) => version === requested) ?? LEGACY_VERSIONS[0]
}

export function takesStructured(speaker: Speaker): boolean {
  return speaker.version !== undefined && speaker.version >= STRUCTURED_SINCE
}

/** The revision that the body claims for itself: undefined where it claims none, whatever its type. */
export function claimOf(params: Params): { readonly version: unknown } | undefined {
  const meta = params['_meta']
  return isObject(meta) && Object.hasOwn(meta, VERSION_KEY) ? { version: meta[VERSION_KEY] } : undefined
}

/** Who speaks; an RpcError where body and header cannot both be right, or the revision is unknown. */
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

/** Before a body could be read only the headers can tell. */
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

// What every modern request must carry (2026-07-28, basic and streamable-http): the envelope in
// `params._meta`, and headers that repeat parts of the body for gateways. Checked in the ladder's order:
// envelope -32602, revision -32022, headers -32020; only a header that names another revision than the body
// comes before the revision itself (server-stateless of the public suite). Pure.

const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities'
const CLIENT_KEY = 'io.modelcontextprotocol/clientInfo'

/** The field of `params` that `Mcp-Name` repeats, by method. */
export const NAME_SOURCE: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
])

/** The first rung that a modern message fails, or undefined. */
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

/** The revision says nothing about headers of notifications; what came must at least agree. */
function checkNotification(message: RpcNotification, headers: ProtocolHeaders): RpcError | undefined {
  const claim = claimOf(message.params)
  const method = headers.method === undefined ? undefined : compare('Mcp-Method', headers.method, message.method)
  if (claim === undefined) return method ?? checkVersionHeader(headers.version)
  if (typeof claim.version !== 'string') return wrongType(VERSION_KEY)
  return contradiction(message.params, headers) ?? checkVersion(message.params) ?? method
}

/** A header and a claim that name different revisions: whichever is known here, one of them is wrong. */
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

/** Values that are not plain ASCII travel as `=?base64?…?=`, the markers in exactly this spelling. */
function decodeHeader(value: string): string | undefined {
  const encoded = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(value)?.[1]
  if (encoded === undefined) return /^[\t\x20-\x7e]*$/.test(value) && !value.startsWith('=?base64?') ? value : undefined
  if (encoded.length % 4 !== 0) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'))
  } catch {
    return undefined // not UTF-8
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
