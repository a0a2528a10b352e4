// Which protocol a message speaks (protocol.md#dialects): bare JSON-RPC without any handshake, a revision with the
// initialize handshake (legacy), or 2026-07-28 and later, where each request names its revision (modern).
// The body decides, the headers are checked against it afterwards. Pure.

import { entryRefusal, RPC, type Refusal } from './errors.ts'
import { isObject, type Message, type Params } from './json-rpc.ts'

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

/** Who speaks; a Refusal where body and header cannot both be right, or the revision is unknown. */
export function speakerOf(message: Message, headers: ProtocolHeaders): Speaker | Refusal {
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

function handshakeInModernEra(version: string): Refusal {
  const sentence = `MCP-Protocol-Version names ${version}, which has no initialize; send the request itself with its _meta envelope`
  return entryRefusal(RPC.headerMismatch, sentence, { modern: true })
}

function unknownVersion(requested: string): Refusal {
  const shown = requested.slice(0, 40)
  return entryRefusal(
    RPC.unsupportedVersion,
    `MCP-Protocol-Version names ${JSON.stringify(shown)}; supported are ${PROTOCOL_VERSIONS.join(', ')}`,
    { modern: false, data: { supported: PROTOCOL_VERSIONS, requested: shown } },
  )
}
