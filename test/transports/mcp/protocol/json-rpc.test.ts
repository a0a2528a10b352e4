// Kinds of a parsed body: ids of every type, the shapes that are refused, and messages that get no answer.

import t from 'tap'
import { classify } from '../../../../src/transports/mcp/protocol/json-rpc.ts'

const V = { jsonrpc: '2.0' }

const kinds: readonly (readonly [string, unknown, string, unknown])[] = [
  ['id 0', { ...V, id: 0, method: 'ping' }, 'request', 0],
  ['empty string id', { ...V, id: '', method: 'ping' }, 'request', ''],
  ['negative id', { ...V, id: -7, method: 'ping' }, 'request', -7],
  ['numeric string id stays a string', { ...V, id: '1', method: 'ping' }, 'request', '1'],
  ['no id', { ...V, method: 'ping' }, 'notification', undefined],
  ['params null', { ...V, id: 1, method: 'ping', params: null }, 'request', 1],
  ['params array', { ...V, id: 1, method: 'ping', params: [1] }, 'request', 1],
  ['unknown members', { ...V, id: 1, method: 'ping', extra: 1 }, 'request', 1],
  ['result', { ...V, id: 'q', result: {} }, 'response', 'q'],
  ['error', { ...V, id: 1, error: { code: 1, message: '' } }, 'response', 1],
  ['error without an id', { ...V, error: { code: 1, message: '' } }, 'response', null],
  ['null id', { ...V, id: null, method: 'ping' }, 'malformed', null],
  ['fractional id', { ...V, id: 1.5, method: 'ping' }, 'malformed', null],
  ['id that JSON cannot carry', { ...V, id: 2 ** 53, method: 'ping' }, 'malformed', null],
  ['object id', { ...V, id: {}, method: 'ping' }, 'malformed', null],
  ['method number', { ...V, id: 3, method: 5 }, 'malformed', 3],
  ['method missing', { ...V, id: 3 }, 'malformed', 3],
  ['params string', { ...V, id: 3, method: 'ping', params: 'x' }, 'malformed', 3],
  ['version missing', { id: 3, method: 'ping' }, 'malformed', 3],
  ['version 1.0', { jsonrpc: '1.0', id: 3, method: 'ping' }, 'malformed', 3],
  ['batch', [{ ...V, id: 1, method: 'ping' }], 'malformed', null],
  ['empty batch', [], 'malformed', null],
  ['string', 'ping', 'malformed', null],
  ['null', null, 'malformed', null],
  ['number', 4, 'malformed', null],
]

for (const [name, body, kind, id] of kinds) {
  t.test(`M-03 ${name} is a ${kind}`, (t) => {
    const message = classify(body)
    t.equal(message.kind, kind)
    t.equal('id' in message ? message.id : undefined, id)
    t.end()
  })
}
