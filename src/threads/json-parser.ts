// Parses request bodies above 1 MiB off the main thread (contract 18). Long strings go back as UTF-8 bytes
// whose memory is handed over, so that the main thread copies nothing large; a body of too many values is
// refused, because even receiving it would hold the loop.

import { parentPort } from 'node:worker_threads'

export interface ParseRequest {
  readonly id: number
  readonly bytes: Uint8Array
}

export type ParseReply =
  { readonly id: number; readonly value: unknown } | { readonly id: number; readonly problem: string }

/** Strings longer than this (UTF-16 units) travel as bytes. */
const LONG_STRING = 256 * 1024

/** No request of ours has more values; receiving this many takes about 20 ms. */
const MOST_VALUES = 100_000

parentPort?.on('message', ({ id, bytes }: ParseRequest) => {
  const transfer: ArrayBuffer[] = []
  const reply = parse(id, bytes, transfer)
  parentPort?.postMessage(reply, transfer)
})

function parse(id: number, bytes: Uint8Array, transfer: ArrayBuffer[]): ParseReply {
  let root: unknown
  try {
    root = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    return { id, problem: error instanceof Error ? error.message : String(error) }
  }
  const box = { root }
  const problem = lighten(box, transfer)
  return problem === undefined ? { id, value: box.root } : { id, problem }
}

/** Replaces long strings by their bytes, in place; level by level, since nesting may be deep. */
function lighten(box: object, transfer: ArrayBuffer[]): string | undefined {
  const open: Record<string, unknown>[] = [box as Record<string, unknown>]
  let values = 0
  for (let holder = open.pop(); holder !== undefined; holder = open.pop()) {
    for (const [key, value] of Object.entries(holder)) {
      if (++values > MOST_VALUES) return `it holds more than ${MOST_VALUES} values`
      if (typeof value === 'object' && value !== null) open.push(value as Record<string, unknown>)
      else if (typeof value === 'string' && value.length > LONG_STRING && value.isWellFormed()) {
        const encoded = new TextEncoder().encode(value)
        holder[key] = encoded
        transfer.push(encoded.buffer)
      }
    }
  }
  return undefined
}
