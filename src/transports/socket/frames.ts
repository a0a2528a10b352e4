// The frames of /ws (protocol.md#frames) in both directions. A binary frame is one id byte and a terminal's raw bytes;
// a text frame is JSON with a `channel`. Pure: reads a client's frame into a command or a refusal, and renders the
// daemon's frames as text or bytes.

import { quote } from '../../base/fault.ts'
import type { WatcherEvent } from '../../workspace/watchers/watchers.ts'

/** Names that every frame of a client may carry; the error that answers the frame repeats them. */
export interface Named {
  /** Id of the terminal, if it could be read. */
  readonly id?: number
  /** The client's own name for the frame. */
  readonly requestId?: string
}

/** A client's request to a terminal. */
export type Command = { readonly id: number; readonly requestId?: string } & (
  | { readonly type: 'input'; readonly bytes: Uint8Array }
  | { readonly type: 'resize'; readonly cols: number; readonly rows: number }
  | { readonly type: 'close' }
  | { readonly type: 'ack'; readonly offset: number }
)

/** Refusal of a client's frame, sent as an error frame. */
export interface Refused extends Named {
  readonly type: 'refused'
  readonly code: 'bad_request' | 'payload_too_large'
  readonly message: string
}

/** Bytes of the longest text frame that is parsed; the commands have fewer than 200. */
const TEXT_BYTES = 16 * 1024
/** Characters of the longest request id that an error frame repeats. */
const REQUEST_ID_LENGTH = 128
/** Most columns, and most rows, of a terminal (P-12). */
export const LARGEST_SIDE = 1_000

export function readBinary(frame: Uint8Array): Command | Refused {
  const id = frame[0]
  if (id === undefined) return bad('an empty binary frame names no terminal: the first byte is its id')
  if (frame.length === 1) return bad(`the binary frame for terminal ${id} has no bytes after the id`, { id })
  return { type: 'input', id, bytes: frame.subarray(1) }
}

export function readText(frame: Uint8Array): Command | Refused {
  if (frame.length > TEXT_BYTES) {
    const message = `a text frame has ${frame.length} bytes; at most ${TEXT_BYTES} are accepted`
    return { type: 'refused', code: 'payload_too_large', message }
  }
  const fields = objectOf(Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('utf8'))
  if (fields === undefined) return bad('a text frame must be a JSON object')
  const named = namesOf(fields)
  const { channel = 'terminal', type } = fields
  if (channel !== 'terminal') return bad(`channel is ${quote(channel)}; accepted is "terminal"`, named)
  if (type !== 'resize' && type !== 'close' && type !== 'ack') {
    return bad(`type is ${quote(type)}; accepted are "resize", "close" and "ack"`, named)
  }
  const { id } = named
  if (id === undefined) return bad(`id is ${quote(fields['id'])}; accepted is 0 to 255, as number or string`, named)
  const about = { ...named, id }
  if (type === 'close') return { type, ...about }
  if (type === 'ack') {
    const offset = wholeNumber(fields['offset'], Number.MAX_SAFE_INTEGER)
    if (offset === undefined) return bad(`offset is ${quote(fields['offset'])}; accepted is a whole number`, named)
    return { type, ...about, offset }
  }
  const cols = wholeNumber(fields['cols'], LARGEST_SIDE)
  const rows = wholeNumber(fields['rows'], LARGEST_SIDE)
  if (cols === undefined || rows === undefined || cols === 0 || rows === 0) {
    const given = `cols is ${quote(fields['cols'])} and rows is ${quote(fields['rows'])}`
    return bad(`${given}; accepted are whole numbers from 1 to ${LARGEST_SIDE}`, named)
  }
  return { type, ...about, cols, rows }
}

/** Reads the frame's names, before any check, so that every answer has them. */
function namesOf(fields: Readonly<Record<string, unknown>>): Named {
  const id = idOf(fields['id'])
  const requestId = fields['request_id']
  return {
    ...(id === undefined ? {} : { id }),
    ...(typeof requestId === 'string' && requestId.length <= REQUEST_ID_LENGTH ? { requestId } : {}),
  }
}

function bad(message: string, named: Named = {}): Refused {
  return { type: 'refused', code: 'bad_request', message, ...named }
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Reads a terminal's id: a string from the SDK, a number from the Swift SDK. 0 is legal, but no terminal has it. */
export function idOf(value: unknown): number | undefined {
  const id = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= 255 ? id : undefined
}

function wholeNumber(value: unknown, most: number): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most ? value : undefined
}

/** Bytes of output in one binary frame: small, so that terminals take turns quickly. */
export const CHUNK_BYTES = 16 * 1024

/** Returns a frame of a terminal's bytes, at most CHUNK_BYTES, copied into `room` after the id byte. */
export function outputFrame(
  id: number,
  bytes: Uint8Array,
  room: Buffer = Buffer.allocUnsafe(1 + bytes.length),
): Buffer {
  room[0] = id
  room.set(bytes, 1)
  return room.subarray(0, 1 + bytes.length)
}

/** Terminal that a frame is about; `life` distinguishes it from earlier terminals with its id. */
export interface Whose {
  readonly id: number
  readonly life: string
}

/** Reason for missing bytes. `ring`: no longer kept; `restarted`: the offset was an earlier terminal's. */
export type GapReason = 'ring' | 'restarted'

export interface Replay {
  readonly from: number
  readonly to: number
  /** Bytes that give a new terminal the state before `from`. */
  readonly prelude: Uint8Array
}

/** Returns the frame before a replay: the bytes that follow, up to `to`, were printed before the client came. */
export function replayFrame({ id, life }: Whose, { from, to, prelude }: Replay): string {
  const coded = Buffer.from(prelude).toString('base64')
  return JSON.stringify({ channel: 'terminal', type: 'replay', id: String(id), life, from, to, prelude: coded })
}

/** Returns the frame of a gap: the bytes from `from` to `to` are lost. */
export function gapFrame({ id, life }: Whose, from: number, to: number, reason: GapReason): string {
  return JSON.stringify({ channel: 'terminal', type: 'gap', id: String(id), life, from, to, reason })
}

export function exitFrame(id: number, code: number): string {
  return JSON.stringify({ channel: 'terminal', type: 'exit', id: String(id), code })
}

export function errorFrame(fault: Named & { readonly code: string; readonly message: string }): string {
  const { code, message, id, requestId } = fault
  const named = { id: id === undefined ? undefined : String(id), request_id: requestId }
  return JSON.stringify({ channel: 'error', code, message, ...named })
}

/** Returns the frame of a watcher's event. The change in it is JSON already, rendered once for all clients. */
export function watcherFrame(event: WatcherEvent): string {
  const { type, watcher } = event
  if (type === 'change') {
    return `{"channel":"watcher","type":"change","watcher_id":${JSON.stringify(watcher)},${event.json.slice(1)}`
  }
  const head = { channel: 'watcher', type, watcher_id: watcher }
  if (type === 'overflow') return JSON.stringify({ ...head, message: event.message })
  const { root, dirs, resync } = event
  // The count has two names: older clients read `dirs`, the SDK reads `dir_count`.
  return JSON.stringify({ ...head, root, dirs, dir_count: dirs, ...(resync ? { resync } : {}) })
}
