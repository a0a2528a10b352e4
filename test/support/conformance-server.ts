// The conformance server (test/conformance/server) as a process on a free port of 127.0.0.1.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ENTRY = fileURLToPath(new URL('../conformance/server/main.ts', import.meta.url))
/** Ends the wait for a server that hangs at its start. */
const READY_MS = 120_000

export interface ConformanceServer extends AsyncDisposable {
  /** With the path /mcp. */
  readonly url: string
  /** Ends it with SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>
}

/** Throws if the server ends, or says nothing for two minutes, before it listens. */
export async function startConformanceServer(): Promise<ConformanceServer> {
  const child = spawn(process.execPath, [ENTRY], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close') as Promise<[number | null]>
  const line = once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(READY_MS) })
  const stop = async (): Promise<number | null> => {
    child.kill()
    return (await ended)[0]
  }
  try {
    const first = String(await Promise.race([line, ended.then(([code]) => `it ended with code ${code}`)]))
    const url = /http:\S+/.exec(first)?.[0]
    if (url === undefined) throw new Error(`the conformance server does not listen: ${first}`)
    return { url, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}
