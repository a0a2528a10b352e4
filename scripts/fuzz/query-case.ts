// Query strings: every route that takes its input from one, with keys and values mutated as characters of a
// request target. The request around them stays whole.

import { asQuery, someCall, type Call } from './calls.ts'
import type { Random } from './chance.ts'
import { mutated } from './mutation.ts'
import { credential, whole, type HttpCase, type Place } from './request.ts'

export function queryCase(random: Random, place: Place): HttpCase {
  let call: Call = someCall(random, place)
  while (call.route.method !== 'GET' && call.op.name !== 'file_delete') call = someCall(random, place)
  const { text, kept } = asQuery(call)
  const mess = random.next() < 0.6 ? mutated(random, Buffer.from(text), kept).toString('latin1') : text
  const path = call.route.path.replace(/:\w+/, String(random.below(20)))
  const method = random.next() < 0.05 && call.route.method === 'GET' ? 'HEAD' : call.route.method
  const prefix = random.next() < 0.05 ? '/runtimes/local' : ''
  const target = `${prefix}${path}${random.next() < 0.02 ? '' : '?'}${fit(mess)}`
  return whole({ method, target, headers: credential(random), body: Buffer.alloc(0) })
}

/** Encodes characters that a request line cannot hold, so that the query is read and not only refused. */
function fit(text: string): string {
  return text
    .replaceAll(/[^\x21-\x7e]|#/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .slice(0, 6000)
}
