// JSON on its way in: short bodies are parsed here, long ones by a worker that is started at the first of
// them and ends after ten seconds without work: what it took for a large body goes with it.

import type { Worker } from 'node:worker_threads'
import { startWorker } from '../base/assets.ts'
import { Fault } from '../base/fault.ts'
import type { ParseReply, ParseRequest } from '../threads/json-parser.ts'

export interface JsonReader extends AsyncDisposable {
  /** Parses a body; throws bad_request with what is wrong. Takes ownership of `bytes`. */
  parse(bytes: Buffer): Promise<unknown>
}

/** Above this the main thread would be held for too long (protocol.md#limits). */
const PARSE_HERE = 1024 * 1024

const IDLE_MS = 10_000

export function openJsonReader(): JsonReader {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let lastId = 0

  const stop = async (): Promise<void> => {
    clearTimeout(idle)
    const ending = worker
    worker = undefined
    await ending?.terminate()
  }
  const failAll = (error: Error): void => {
    worker = undefined
    for (const one of waiting.values()) one.reject(error)
    waiting.clear()
  }
  const start = (): Worker => {
    const started = startWorker('json-parser', undefined)
    started.on('message', (reply: ParseReply) => {
      const one = waiting.get(reply.id)
      waiting.delete(reply.id)
      if ('problem' in reply) one?.reject(malformed(reply.problem))
      else one?.resolve(reply.value)
      if (waiting.size > 0) return
      started.unref()
      idle = setTimeout(() => void stop(), IDLE_MS).unref()
    })
    started.on('error', failAll)
    started.on('messageerror', failAll) // a reply that cannot be received: whose it was, nobody knows
    return started
  }

  return {
    async parse(bytes) {
      if (bytes.byteLength <= PARSE_HERE) return parseHere(bytes)
      clearTimeout(idle)
      worker ??= start()
      worker.ref()
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const id = ++lastId
      waiting.set(id, { resolve, reject })
      const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : Buffer.from(bytes)
      const request: ParseRequest = { id, bytes: new Uint8Array(own.buffer, own.byteOffset, own.byteLength) }
      worker.postMessage(request, own.buffer instanceof ArrayBuffer ? [own.buffer] : [])
      return await promise
    },
    async [Symbol.asyncDispose]() {
      failAll(new Fault('unavailable', 'the daemon is stopping'))
      await stop()
    },
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function parseHere(bytes: Buffer): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : String(error))
  }
}

function malformed(problem: string): Fault {
  return new Fault('bad_request', `the body is not the JSON that is accepted here: ${problem.slice(0, 200)}`, {
    details: { field: 'body' },
    cause: 'json',
  })
}
