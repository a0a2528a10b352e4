// `stdio`: a bridge for clients that only start programs. Each line of stdin is one message and goes to the daemon by
// POST; each message of the answer, JSON or event stream, is one line of stdout. It keeps nothing but the revision that
// the handshake agreed on. stdout carries the protocol alone. A line that is too long is skipped and told with the id
// of its message, so that memory stays bounded and its sender gets an answer.

import { once } from 'node:events'
import { isObject, type RequestId, type Params } from '../transports/mcp/protocol/json-rpc.ts'
import { NAME_SOURCE, claimOf } from '../transports/mcp/protocol/revision.ts'
import { TopLevelId } from './top-level-id.ts'

export interface Bridge {
  readonly url: string
  readonly token: string
  /** Returns the current token; called when the daemon refuses the one in use, since it may have been rotated. */
  readonly reload?: () => Promise<string>
  readonly input: AsyncIterable<Uint8Array>
  /** Writes one line; resolves when more may come. Rejects when the client has gone. */
  readonly write: (line: string) => Promise<void>
}

/** Bytes of a message: a little above the limit of /mcp, whose refusal says what to do instead. */
const LONGEST_MESSAGE = 5 * 1024 * 1024
const TOO_LONG = 'the message is longer than /mcp takes; larger content goes to POST /files/write'
/** Bytes of an event: a file of 10 MiB, escaped twice, as text and as structured content. */
const LONGEST_EVENT = 64 * 1024 * 1024

/** Runs the bridge of this process, until its client has gone. */
export async function stdio(place: Pick<Bridge, 'url' | 'token' | 'reload'>): Promise<void> {
  const leave = (): never => process.exit(0) // connections close with the process, which cancels modern calls
  process.once('SIGTERM', leave).once('SIGINT', leave)
  process.stdout.on('error', leave)
  const write = async (line: string): Promise<void> => {
    if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain')
  }
  await runBridge({ ...place, input: process.stdin, write })
  process.exit(0)
}

/** Runs until the input has ended and everything asked has been answered. */
export async function runBridge(bridge: Bridge): Promise<void> {
  await new Session(bridge).run()
}

class Session {
  readonly #bridge: Bridge
  /** Requests in progress, as many as the client asks at once; the daemon limits them per credential. */
  readonly #running = new Set<Promise<void>>()
  readonly #byId = new Map<RequestId, AbortController>()
  /** Aborted at the end of the input: it ends streams that would stay open. */
  readonly #over = new AbortController()
  #agreed: string | undefined
  #token: string

  constructor(bridge: Bridge) {
    this.#bridge = bridge
    this.#token = bridge.token
  }

  async run(): Promise<void> {
    const { input, write } = this.#bridge
    const lines = new LineSplitter(LONGEST_MESSAGE)
    const take = async (line: Line): Promise<void> => {
      if ('text' in line) for (const message of messagesIn(line.text)) this.#send(message)
      else if (line.id !== undefined) await write(failureLine(line.id, TOO_LONG)) // a notification has no answer
    }
    for await (const chunk of input) for (const line of lines.push(chunk)) await take(line)
    for (const line of lines.end()) await take(line)
    this.#over.abort()
    await Promise.all(this.#running)
  }

  #send(text: string): void {
    const message = outgoing(text)
    const cancelled = message?.method === 'notifications/cancelled' ? message.params['requestId'] : undefined
    const known = typeof cancelled === 'string' || typeof cancelled === 'number' ? this.#byId.get(cancelled) : undefined
    // In the modern era closing the response cancels the call; before, a message does, which is sent on.
    if (known !== undefined) known.abort()
    else this.#track(this.#exchange(text, message))
  }

  #track(work: Promise<void>): void {
    const done = work.finally(() => this.#running.delete(done))
    this.#running.add(done)
  }

  async #exchange(text: string, message: Outgoing | undefined): Promise<void> {
    const { url, write } = this.#bridge
    const cancel = new AbortController()
    const modern = message?.claim !== undefined
    if (modern && message.id !== undefined) this.#byId.set(message.id, cancel)
    const ends = [cancel.signal, ...(message?.method === 'subscriptions/listen' ? [this.#over.signal] : [])]
    try {
      await this.#answer(await this.#ask(text, message, AbortSignal.any(ends)), message)
    } catch (error) {
      const id = message?.id
      if (id !== undefined && !ends.some((one) => one.aborted)) await write(failureLine(id, unreachable(url, error)))
    } finally {
      if (message?.id !== undefined) this.#byId.delete(message.id)
    }
  }

  /** Asks again if the token has changed meanwhile: a request that is refused for its token has done nothing. */
  async #ask(body: string, message: Outgoing | undefined, signal: AbortSignal): Promise<Response> {
    const { url, reload } = this.#bridge
    const token = this.#token
    const headers = { ...headersFor(message, this.#agreed), authorization: `Bearer ${token}` }
    const response = await fetch(url, { method: 'POST', headers, body, signal })
    if (response.status !== 401 || reload === undefined) return response
    this.#token = await reload().catch(() => token)
    if (this.#token === token) return response
    await response.body?.cancel()
    return await this.#ask(body, message, signal)
  }

  async #answer(response: Response, message: Outgoing | undefined): Promise<void> {
    const { write } = this.#bridge
    if (response.headers.get('content-type')?.startsWith('text/event-stream') === true && response.body !== null) {
      const lines = new LineSplitter(LONGEST_EVENT)
      let answered = message?.method === 'subscriptions/listen' // its end is no failure
      for await (const chunk of response.body) {
        for (const line of lines.push(chunk as Uint8Array)) {
          if (!('text' in line)) throw new Error('an event of the answer is too long')
          if (!line.text.startsWith('data:')) continue
          const text = line.text.slice(5).trim()
          answered ||= isReply(text)
          await this.#pass(text, message)
        }
      }
      if (message?.id !== undefined && !answered) await write(failureLine(message.id, BROKEN_OFF))
      return
    }
    const body = (await response.text()).trim()
    const told = body.startsWith('{') && body.includes('"jsonrpc"') && response.status !== 401
    if (told) await this.#pass(body, message)
    else if (message?.id !== undefined) await write(failureLine(message.id, this.#refusalText(response.status, body)))
  }

  async #pass(text: string, message: Outgoing | undefined): Promise<void> {
    if (message?.method === 'initialize') this.#agreed ??= versionIn(text)
    await this.#bridge.write(withId(text, message?.id))
  }

  #refusalText(status: number, body: string): string {
    const { url } = this.#bridge
    const astray = status === 404 && !/\/mcp\/?$/.test(new URL(url).pathname)
    const hint = astray
      ? `; is "/mcp" missing at the end of --url ${url}?`
      : status === 401
        ? '; the token is not the daemon’s (--token-file, RUNTIME_TOKEN)'
        : ''
    return `the daemon answered ${status}${hint}${body === '' ? '' : `: ${body.slice(0, 500)}`}`
  }
}

function versionIn(text: string): string | undefined {
  const reply: unknown = JSON.parse(text)
  const result = isObject(reply) && isObject(reply['result']) ? reply['result'] : {}
  return typeof result['protocolVersion'] === 'string' ? result['protocolVersion'] : undefined
}

const BROKEN_OFF = 'the answer broke off: the daemon has ended, or the connection to it'

function unreachable(url: string, error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
  return `the daemon at ${url} does not answer (${cause}); is it running there?`
}

/**
 * One message on its way from stdio to HTTP: the headers that its body asks for, in the era it speaks, and the JSON-RPC
 * form of a failure on the way. Pure.
 */
interface Outgoing {
  /** Id of a request; undefined for notifications and responses. */
  readonly id: RequestId | undefined
  readonly method: string
  readonly params: Params
  /** Revision that the message names, in the modern era. */
  readonly claim: string | undefined
}

/** Reads the message's own fields; undefined: it is no message, and the daemon's refusal tells the reason. */
function outgoing(text: string): Outgoing | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { id, method } = value
  const params = isObject(value['params']) ? value['params'] : {}
  const claim = claimOf(params)?.version
  return {
    id: typeof method === 'string' && (typeof id === 'string' || typeof id === 'number') ? id : undefined,
    method: typeof method === 'string' ? method : '',
    params,
    claim: typeof claim === 'string' ? claim : undefined,
  }
}

/** Returns the messages of a line: most have one; clients of 2025-03-26 may send a batch, which is sent one by one. */
function messagesIn(text: string): readonly string[] {
  if (!text.startsWith('[')) return [text]
  try {
    const batch: unknown = JSON.parse(text)
    return Array.isArray(batch) && batch.length > 0 ? batch.map((one) => JSON.stringify(one)) : [text]
  } catch {
    return [text] // the daemon says what is wrong with it
  }
}

/** Returns the reply with the id of its request: the daemon leaves it out if it refused before it had read the id. */
function withId(text: string, id: RequestId | undefined): string {
  if (id === undefined || !text.startsWith('{"jsonrpc":"2.0","id":null,')) return text
  return JSON.stringify({ ...(JSON.parse(text) as object), id })
}

/** True for a message that ends an exchange; notifications and questions come before it. */
function isReply(text: string): boolean {
  return /^\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"/.test(text)
}

/** Returns the headers of a message. `agreed`: the revision of the handshake, once there was one. */
function headersFor(message: Outgoing | undefined, agreed: string | undefined): Record<string, string> {
  const base = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    // A client of stdio that quits has no other way to end the commands that it has started.
    'x-mcp-cancel-on-close': '1',
  }
  if (message?.claim === undefined) {
    return agreed === undefined || message?.method === 'initialize' ? base : { ...base, 'mcp-protocol-version': agreed }
  }
  const source = NAME_SOURCE.get(message.method)
  const name = source === undefined ? undefined : message.params[source]
  return {
    ...base,
    'mcp-protocol-version': message.claim,
    'mcp-method': message.method,
    ...(typeof name === 'string' ? { 'mcp-name': headerValue(name) } : {}),
  }
}

/** Encodes a header's value: one that is not plain ASCII is sent as base64 (2026-07-28, streamable HTTP). */
function headerValue(value: string): string {
  const plain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?')
  return plain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

/** Returns the error that the client gets if no answer came. */
function failureLine(id: RequestId | null, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32603, message } })
}

const LINE_FEED = 10

type Line = { readonly text: string } | { readonly tooLong: true; readonly id: RequestId | undefined }

class LineSplitter {
  readonly #longest: number
  #parts: Uint8Array[] = []
  #length = 0
  /** Finds the id of a line that is being skipped. */
  #skipping: TopLevelId | undefined

  /** `longest`: bytes of a line at most. */
  constructor(longest: number) {
    this.#longest = longest
  }

  *push(chunk: Uint8Array): Generator<Line> {
    let rest = chunk
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
      this.#keep(rest.subarray(0, end))
      yield* this.#line()
      rest = rest.subarray(end + 1)
    }
    this.#keep(rest)
  }

  /** Returns the rest after the last line feed. */
  *end(): Generator<Line> {
    yield* this.#line()
  }

  #keep(part: Uint8Array): void {
    this.#length += part.byteLength
    if (this.#length > this.#longest && this.#skipping === undefined) {
      this.#skipping = new TopLevelId()
      for (const kept of this.#parts) this.#skipping.push(kept)
      this.#parts = []
    }
    if (this.#skipping !== undefined) this.#skipping.push(part)
    else if (part.byteLength > 0) this.#parts.push(part)
  }

  *#line(): Generator<Line> {
    const [text, skipped] = [Buffer.concat(this.#parts).toString('utf8').trim(), this.#skipping]
    this.#parts = []
    this.#length = 0
    this.#skipping = undefined
    if (skipped !== undefined) yield { tooLong: true, id: skipped.id }
    else if (text !== '') yield { text }
  }
}
