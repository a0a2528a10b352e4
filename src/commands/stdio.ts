// `stdio`: a bridge for clients that only start programs. Each line of stdin is one message and goes to the
// daemon by POST; each message of the answer, JSON or event stream, is one line of stdout. It keeps nothing
// but the revision that the handshake agreed on. stdout carries the protocol alone.

import { once } from 'node:events'
import { isObject, type RequestId } from '../transports/mcp/json-rpc.ts'
import { failureLine, headersFor, isReply, messagesIn, outgoing, withId, type Outgoing } from './bridge-message.ts'
import { LineSplitter, type Line } from './line-splitter.ts'

export interface Bridge {
  readonly url: string
  readonly token: string
  /** The token as it is now: asked for when the one in use is refused, since it may have been rotated. */
  readonly reload?: () => Promise<string>
  readonly input: AsyncIterable<Uint8Array>
  /** Writes one line; resolves when more may come. Rejects when the client has gone. */
  readonly write: (line: string) => Promise<void>
}

/** A little above what the daemon takes over /mcp, whose refusal says what to do instead. */
const LONGEST_MESSAGE = 5 * 1024 * 1024
const TOO_LONG = 'the message is longer than /mcp takes; larger content goes to POST /files/write'
/** A file of 10 MiB, escaped twice, as text and as structured content. */
const LONGEST_EVENT = 64 * 1024 * 1024

/** The bridge of this process, until its client has gone. */
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
  /** What is under way. As many as the client asks at once; the daemon limits them per credential. */
  readonly #running = new Set<Promise<void>>()
  readonly #byId = new Map<RequestId, AbortController>()
  /** Aborted at the end of the input: streams that would stay open end. */
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
    // In the modern era the closed response is the cancellation; before, the message is, and goes its way.
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

  /** Again where another token is in use by now: what is refused for its token has done nothing. */
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
