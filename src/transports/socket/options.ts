// Reads the query of /ws besides the token: `mode` (replace or shared), `flow=ack` and `since`, the offset up to which
// the client has seen each terminal, with the terminal's life if the client knows it. Pure. An unknown value is a 400:
// a client that misspelled `shared` and got `replace` would close other clients.

import { Fault, quote } from '../../base/fault.ts'
import { idOf } from './frames.ts'

export interface SocketOptions {
  readonly mode: 'replace' | 'shared'
  /** True if the client acknowledges the bytes that it consumes; the daemon sends at most a window ahead of that. */
  readonly acks: boolean
  /** Places by the terminal's id. */
  readonly since: ReadonlyMap<number, Since>
}

/** Place in a terminal's output from which a client wants to go on. */
export interface Since {
  /** Offset of the first byte wanted. */
  readonly offset: number
  /** Life of the terminal that the offset belongs to; undefined if the client does not know lives. */
  readonly life?: string
}

/** Place in a terminal whose output the client gets from the first byte. */
export const FROM_BIRTH: Since = { offset: 0 }

/** Longest `since`: 256 terminals with offsets of 16 digits and lives of 32 characters have 13,900 characters. */
const SINCE_LENGTH = 14_000

export function readOptions(query: URLSearchParams, usual: SocketOptions['mode']): SocketOptions {
  const mode = query.get('mode') ?? usual
  if (mode !== 'replace' && mode !== 'shared') throw refusal('mode', mode, '"replace" and "shared"')
  const flow = query.get('flow')
  if (flow !== null && flow !== 'ack') throw refusal('flow', flow, '"ack"')
  return { mode, acks: flow === 'ack', since: offsetsOf(query.get('since') ?? '') }
}

function offsetsOf(text: string): ReadonlyMap<number, Since> {
  const offsets = new Map<number, Since>()
  if (text === '') return offsets
  if (text.length > SINCE_LENGTH) throw refusal('since', text, `at most ${SINCE_LENGTH} characters`)
  for (const pair of text.split(',')) {
    const [, name, digits, life] = /^(\d{1,3}):(\d{1,16})(?::([A-Za-z0-9_-]{1,32}))?$/.exec(pair) ?? []
    const id = idOf(name)
    const offset = Number(digits)
    if (id === undefined || !Number.isSafeInteger(offset)) {
      throw refusal('since', pair, 'terminal id, offset and perhaps life, such as 1:77777,2:123:LIFE')
    }
    offsets.set(id, { offset, ...(life === undefined ? {} : { life }) })
  }
  return offsets
}

function refusal(field: string, value: string, accepted: string): Fault {
  return new Fault('bad_request', `${field} is ${quote(value)}; accepted: ${accepted}`, { details: { field } })
}
