// What the query of /ws says besides the token: `mode` (replace or shared), `flow=ack` and `since`, the offsets
// up to which the client has seen each terminal, each with the life of the terminal where the client knows it. Pure;
// a value that means nothing is a 400, because a client that asked for shared and got replace would evict others.

import { Fault, quote } from '../../base/fault.ts'
import { idOf } from './frames.ts'

export interface SocketOptions {
  readonly mode: 'replace' | 'shared'
  /** True: the client acknowledges what it has consumed, and gets no more than the window ahead of that. */
  readonly acks: boolean
  /** By the terminal's id. */
  readonly since: ReadonlyMap<number, Since>
}

/** Where a client wants to go on. */
export interface Since {
  /** Of the first byte wanted. */
  readonly offset: number
  /** Of the terminal that the offset is one of; undefined: the client does not know of lives. */
  readonly life?: string
}

/** For a terminal that the client sees from its first byte on. */
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
