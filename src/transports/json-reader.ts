// Parses JSON bodies: `openJsonReader()`, then `parse(bytes)`. Bodies up to 1 MiB are parsed on the main thread, longer
// ones by a worker that is started at the first of them and ended after ten seconds without work, so that its memory is
// given back.

import { startWorker } from '../base/assets.ts'
import { Fault } from '../base/fault.ts'
import { LongText } from '../base/long-text.ts'
import { WorkerPort } from '../base/port.ts'
import type { Parsed, ParseReply, ParseRequest } from '../threads/json-parser.ts'

export interface JsonReader extends AsyncDisposable {
  /** Resolves with the value of a body; rejects with `bad_request` and the reason. Takes ownership of `bytes`. */
  parse(bytes: Buffer): Promise<unknown>
}

/** Bytes that are parsed here; more would block the main thread for too long (protocol.md#limits). */
const PARSE_HERE = 1024 * 1024

/** Time without work after which the worker is ended, in milliseconds. */
const IDLE_MS = 10_000

export function openJsonReader(): JsonReader {
  return new SharedJsonReader()
}

class SharedJsonReader implements JsonReader {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #port: WorkerPort<ParseRequest, ParseReply> | undefined
  #lastId = 0

  async parse(bytes: Buffer): Promise<unknown> {
    if (bytes.byteLength <= PARSE_HERE) return parseHere(bytes)
    const port = (this.#port ??= this.#start())
    port.hold()
    const parsed = Promise.withResolvers<unknown>()
    const id = ++this.#lastId
    this.#waiting.set(id, parsed)
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : Buffer.from(bytes)
    const request = { id, bytes: new Uint8Array(own.buffer, own.byteOffset, own.byteLength) }
    port.say(request, own.buffer instanceof ArrayBuffer ? [own.buffer] : [])
    return await parsed.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const port = this.#port
    this.#fail(new Fault('unavailable', 'the daemon is stopping'))
    await port?.end()
  }

  #start(): WorkerPort<ParseRequest, ParseReply> {
    return new WorkerPort(startWorker('json-parser', undefined), 'the JSON parser', {
      heard: (reply) => this.#hear(reply),
      failed: (reason) => this.#fail(reason),
    })
  }

  #hear(reply: ParseReply): void {
    const one = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('problem' in reply) one?.reject(malformed(reply.problem))
    else one?.resolve(withLongTexts(reply))
    if (this.#waiting.size === 0) this.#port?.rest(IDLE_MS, () => (this.#port = undefined))
  }

  /** Rejects every waiting body with `reason`; the next long one starts a new worker. */
  #fail(reason: Fault): void {
    this.#port = undefined
    for (const one of this.#waiting.values()) one.reject(reason)
    this.#waiting.clear()
  }
}

/** Puts a LongText in the place of each long string; not by assignment, because a name may be `__proto__`. */
function withLongTexts({ box, long }: Parsed): unknown {
  for (const { holder, key } of long) {
    const bytes = holder[key]
    if (bytes instanceof Uint8Array)
      Object.defineProperty(holder, key, { value: new LongText(bytes), enumerable: true })
  }
  return box.root
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
