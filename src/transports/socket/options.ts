// What the query of /ws says besides the token: `mode` (replace or shared), `flow=ack` and `since`, the offsets
// up to which the client has seen each terminal (contract 8 and 18). Pure; a value that means nothing is a 400,
// because a client that asked for shared and got replace would evict others.

import { Fault, quote } from '../../base/fault.ts'
import { idOf } from './frames.ts'

export interface SocketOptions {
  readonly mode: 'replace' | 'shared'
  /** True: the client acknowledges what it has consumed, and gets no more than the window ahead of that. */
  readonly acks: boolean
  /** Terminal id → offset of the first byte wanted. */
  readonly since: ReadonlyMap<number, number>
}

/** Longest `since`: 256 terminals with offsets of 16 digits have 5,400 characters. */
const SINCE_LENGTH = 6_000

export function readOptions(query: URLSearchParams, usual: SocketOptions['mode']): SocketOptions {
  const mode = query.get('mode') ?? usual
  if (mode !== 'replace' && mode !== 'shared') throw refusal('mode', mode, '"replace" and "shared"')
  const flow = query.get('flow')
  if (flow !== null && flow !== 'ack') throw refusal('flow', flow, '"ack"')
  return { mode, acks: flow === 'ack', since: offsetsOf(query.get('since') ?? '') }
}

function offsetsOf(text: string): ReadonlyMap<number, number> {
  const offsets = new Map<number, number>()
  if (text === '') return offsets
  if (text.length > SINCE_LENGTH) throw refusal('since', text, `at most ${SINCE_LENGTH} characters`)
  for (const pair of text.split(',')) {
    const [, name, digits] = /^(\d{1,3}):(\d{1,16})$/.exec(pair) ?? []
    const id = idOf(name)
    const offset = Number(digits)
    if (id === undefined || !Number.isSafeInteger(offset)) {
      throw refusal('since', pair, 'pairs of terminal id and offset such as 1:77777,2:123')
    }
    offsets.set(id, offset)
  }
  return offsets
}

function refusal(field: string, value: string, accepted: string): Fault {
  return new Fault('bad_request', `${field} is ${quote(value)}; accepted: ${accepted}`, { details: { field } })
}
