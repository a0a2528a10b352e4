// Rungs of the entry ladder before the body: HTTP method 405, Accept 406, content type 415 (protocol.md#statuses).
// Pure: it takes headers and returns a verdict.

import type { IncomingHttpHeaders } from 'node:http'
import type { ProtocolHeaders } from './revision.ts'

export interface EntryHeaders extends ProtocolHeaders {
  /** Session id, echoed to bare and legacy callers; undefined unless it is fit to be a header again. */
  readonly session: string | undefined
  /** True if the caller has no other way to cancel: its call ends with its connection, in the older revisions too. */
  readonly cancelsOnClose: boolean
  readonly contentType: 'json' | 'none' | 'other'
  /** False if Accept rules out every form of an answer. */
  readonly acceptsAnswer: boolean
}

export type Door =
  | { readonly kind: 'message' }
  | { readonly kind: 'debug' }
  | { readonly kind: 'closed'; readonly allow: string; readonly sentence: string }
  | { readonly kind: 'refused'; readonly status: 406 | 415; readonly sentence: string }

/** Session ids of visible ASCII, as the revisions with sessions demand, at most 256 characters. */
const SESSION = /^[\x21-\x7e]{1,256}$/

export function readHeaders(headers: IncomingHttpHeaders): EntryHeaders {
  const ranges = mediaRanges(headers.accept)
  const version = single(headers['mcp-protocol-version'])
  const method = single(headers['mcp-method'])
  const name = single(headers['mcp-name'])
  const session = single(headers['mcp-session-id'])
  return {
    ...(version !== undefined && { version }),
    ...(method !== undefined && { method }),
    ...(name !== undefined && { name }),
    acceptsStream: ranges?.includes('text/event-stream') === true,
    session: session !== undefined && SESSION.test(session) ? session : undefined,
    cancelsOnClose: headers['x-mcp-cancel-on-close'] === '1',
    contentType: contentTypeOf(headers['content-type']),
    acceptsAnswer: ranges === undefined || ranges.some((range) => ANSWERS.has(range)),
  }
}

/** Media ranges that accept an answer; JSON suits a caller that takes either of the two forms. */
const ANSWERS: ReadonlySet<string> = new Set([
  'application/json',
  'text/event-stream',
  '*/*',
  'application/*',
  'text/*',
])

export function doorOf(method: string | undefined, headers: EntryHeaders): Door {
  if (method === 'GET') {
    if (!headers.acceptsStream) return { kind: 'debug' }
    return { kind: 'closed', allow: 'POST', sentence: 'this server has no event stream on GET; send requests by POST' }
  }
  if (method !== 'POST') {
    const sentence = `${String(method)} is not accepted here; POST a JSON-RPC message, or GET a description`
    return { kind: 'closed', allow: 'GET, POST', sentence }
  }
  const negotiated = headers.version !== undefined || headers.acceptsStream
  if (headers.contentType === 'other' || (headers.contentType === 'none' && negotiated))
    return { kind: 'refused', status: 415, sentence: CONTENT_TYPE_SENTENCE }
  if (!headers.acceptsAnswer) {
    return { kind: 'refused', status: 406, sentence: 'Accept allows neither application/json nor text/event-stream' }
  }
  return { kind: 'message' }
}

export const CONTENT_TYPE_SENTENCE =
  'the content type is not application/json, in which a JSON-RPC message must be sent'

/** Compares the media type itself, never a part of the header: `text/plain;x=application/json` is text. */
function contentTypeOf(value: string | undefined): EntryHeaders['contentType'] {
  if (value === undefined || value.trim() === '') return 'none'
  return value.split(';', 1)[0]?.trim().toLowerCase() === 'application/json' ? 'json' : 'other'
}

/** Returns the media ranges of Accept whose weight is above 0; undefined if there is no Accept. */
function mediaRanges(accept: string | undefined): readonly string[] | undefined {
  if (accept === undefined || accept.trim() === '') return undefined
  if (accept === 'application/json, text/event-stream') return USUAL // the SDKs send this
  return accept.split(',').flatMap((part) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
    return parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter)) ? [] : [range]
  })
}

const USUAL: readonly string[] = ['application/json', 'text/event-stream']

/** Returns one value for equal copies of a header, which a proxy makes when it adds the header again. */
function single(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.join(', ') : value?.trim()
  const [first, ...others] = text?.split(/\s*,\s*/) ?? []
  return others.every((one) => one === first) ? first : text
}
