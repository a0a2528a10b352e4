// An MCP server started as a process; the bench exchanges lines with its stdin and stdout (MCP, "stdio").

import { createInterface } from 'node:readline'
import { end, start } from '../processes.ts'

export interface StdioServer extends AsyncDisposable {
  /** Milliseconds from its start until it had answered `initialize`. */
  readonly startMs: number
  /** Resolves with the text of a tool's answer. Throws if it is an error. */
  call(tool: string, args: object): Promise<string>
}

interface Message {
  readonly id?: number
  readonly error?: { readonly message: string }
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text?: string }[] }
}

const ANSWER_MS = 60_000
const PROTOCOL = '2025-06-18'

export async function openStdioServer(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<StdioServer> {
  const [command = '', ...args] = argv
  const began = performance.now()
  const child = start(command, args, { stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, ...env } })
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('a server has no pipes')
  const waiting = new Map<number, (message: Message) => void>()
  createInterface({ input: stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return // some print more than messages
    const message = JSON.parse(line) as Message // a server's, whose answers are looked at below
    if (message.id !== undefined) waiting.get(message.id)?.(message)
  })
  child.once('exit', () => waiting.forEach((answer) => answer({ error: { message: 'it ended' } })))
  let last = 0
  const ask = async (method: string, params: object): Promise<Message> => {
    const id = ++last
    const { promise, resolve } = Promise.withResolvers<Message>()
    waiting.set(id, resolve)
    stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    const timer = setTimeout(() => resolve({ error: { message: `no answer in ${ANSWER_MS / 1000} s` } }), ANSWER_MS)
    const message = await promise
    clearTimeout(timer)
    waiting.delete(id)
    if (message.error !== undefined) throw new Error(message.error.message)
    return message
  }
  const clientInfo = { name: 'workspace-runtime-bench', version: '1' }
  await ask('initialize', { protocolVersion: PROTOCOL, capabilities: {}, clientInfo })
  const startMs = performance.now() - began
  stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`)
  return {
    startMs,
    async call(name, argumentsOf) {
      const { result } = await ask('tools/call', { name, arguments: argumentsOf })
      const text = result?.content?.map((part) => part.text ?? '').join('\n') ?? ''
      if (result?.isError === true) throw new Error(text.slice(0, 200))
      return text
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}
