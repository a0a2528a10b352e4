// One POST whose answer is an event stream, read message by message while it is open.

import { request, type IncomingMessage } from 'node:http'

export interface Message {
  readonly id?: unknown
  readonly method?: string
  // oxlint-disable-next-line typescript/no-explicit-any -- messages are of any shape; the tests say what they expect
  readonly params?: any
  // oxlint-disable-next-line typescript/no-explicit-any -- the same
  readonly result?: any
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

export interface OpenStream {
  readonly response: IncomingMessage
  /** The next message; undefined at the end. */
  next(): Promise<Message | undefined>
  drop(): void
}

export async function openStream(url: string, body: unknown, headers: Record<string, string>): Promise<OpenStream> {
  const sent = request(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers } })
  sent.on('error', () => undefined)
  sent.end(JSON.stringify(body))
  const response = await new Promise<IncomingMessage>((resolve) => sent.once('response', resolve))
  const messages = messagesOf(response)
  return {
    response,
    next: async () => {
      const step = await messages.next()
      return step.done === true ? undefined : step.value
    },
    drop: () => sent.destroy(),
  }
}

async function* messagesOf(response: IncomingMessage): AsyncGenerator<Message, undefined> {
  let rest = ''
  response.setEncoding('utf8')
  try {
    for await (const chunk of response) {
      rest += String(chunk)
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const line = /^data: (.*)$/m.exec(block)?.[1]
        if (line !== undefined) yield JSON.parse(line) as Message // the tests look at what they expect of it
      }
    }
  } catch {
    // the stream was dropped
  }
  return undefined
}
