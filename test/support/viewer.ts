// A client of /ws that keeps every frame in order: text frames as objects, and the bytes of each terminal.

import { once } from 'node:events'
import { WebSocket, type ClientOptions } from 'ws'
import { TOKEN } from './daemon.ts'
import { until } from './until.ts'

export interface TextFrame {
  readonly channel: string
  readonly type?: string
  readonly id?: string
  readonly code?: number | string
  readonly message?: string
  readonly request_id?: string
  readonly life?: string
  readonly reason?: string
  readonly prelude?: string
  readonly from?: number
  readonly to?: number
  readonly watcher_id?: string
  readonly path?: string
  readonly op?: string
  readonly resync?: boolean
}

interface Owner {
  teardown(handler: () => void): unknown
}

export class Viewer {
  readonly socket: WebSocket
  /** Text frames as they are, binary ones as `{ id, bytes }`. */
  readonly frames: (TextFrame | { readonly output: number; readonly bytes: number })[] = []
  readonly #output = new Map<number, Buffer[]>()
  #close: { code: number; reason: string } | undefined
  /** Called with each piece of output. */
  onOutput: ((id: number, bytes: Buffer) => void) | undefined

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('close', (code, reason) => (this.#close = { code, reason: reason.toString() }))
    socket.on('message', (message: Buffer, binary) => {
      if (!binary) {
        this.frames.push(JSON.parse(message.toString()) as TextFrame)
        return
      }
      const id = message[0] ?? -1
      const bytes = message.subarray(1)
      this.frames.push({ output: id, bytes: bytes.length })
      if (this.onOutput !== undefined) this.onOutput(id, bytes)
      else this.#output.set(id, [...(this.#output.get(id) ?? []), bytes])
    })
  }

  output(id: number): Buffer {
    const joined = Buffer.concat(this.#output.get(id) ?? [])
    this.#output.set(id, [joined])
    return joined
  }

  text(id: number): string {
    return this.output(id).toString()
  }

  /** The text frames of this kind so far. */
  of(type: string, id?: number): TextFrame[] {
    return this.frames.filter((frame): frame is TextFrame => 'channel' in frame && isOf(frame, type, id))
  }

  errors(): TextFrame[] {
    return this.frames.filter((frame): frame is TextFrame => 'channel' in frame && frame.channel === 'error')
  }

  async next(type: string, id?: number): Promise<TextFrame> {
    await until(`a frame ${type} ${id ?? ''}`, () => this.of(type, id).length > 0)
    const [first] = this.of(type, id)
    return first ?? { channel: 'none' }
  }

  type(id: number, text: string | Uint8Array): void {
    this.socket.send(Buffer.concat([Buffer.of(id), Buffer.from(text)]))
  }

  say(frame: object): void {
    this.socket.send(JSON.stringify(frame))
  }

  async closed(): Promise<{ code: number; reason: string }> {
    await until('the socket is closed', () => this.#close !== undefined)
    return this.#close ?? { code: 0, reason: '' }
  }

  /** All that was sent before this has been handled by the daemon, and what it sent has arrived. */
  async settled(): Promise<void> {
    this.socket.ping()
    await once(this.socket, 'pong')
  }
}

function isOf(frame: TextFrame, type: string, id: number | undefined): boolean {
  return frame.type === type && (id === undefined || frame.id === String(id))
}

/** Connects with the token in the query, as the SDK does; resolves when open. */
export async function view(
  t: Owner,
  url: string,
  query = '',
  { token = TOKEN, ...options }: ClientOptions & { readonly token?: string } = {},
): Promise<Viewer> {
  const viewer = new Viewer(new WebSocket(`${url}?token=${token}${query}`, options))
  t.teardown(() => viewer.socket.terminate())
  await once(viewer.socket, 'open')
  return viewer
}

/** The HTTP status that refuses the upgrade. */
export async function refusedUpgrade(
  url: string,
  options: ClientOptions = {},
): Promise<{ status: number; body: string }> {
  const socket = new WebSocket(url, options)
  const { promise, resolve } = Promise.withResolvers<{ status: number; body: string }>()
  socket.on('error', () => undefined)
  socket.on('open', () => {
    socket.terminate()
    resolve({ status: 101, body: '' })
  })
  socket.on('unexpected-response', (_, response) => {
    let body = ''
    response
      .setEncoding('utf8')
      .on('data', (chunk: string) => (body += chunk))
      .on('end', () => resolve({ status: response.statusCode ?? 0, body }))
  })
  return await promise
}
