// Keeps a few terminals alive for the frames, also while cases close them. The program in each takes any byte unchanged
// and returns it.

import { TOKEN } from '../../test/support/daemon.ts'

/** Ids that a daemon gives first: those of a case that is replayed. */
export const FIRST_IDS: readonly number[] = [1, 2, 3]
const LOOK_MS = 200

export interface Terminals extends AsyncDisposable {
  /** Ids that were alive at the last look; never empty after the first, but any may be closed by now. */
  readonly ids: readonly number[]
}

/** Resolves once they exist. */
export async function openTerminals(port: number): Promise<Terminals> {
  const stop = new AbortController()
  const { signal } = stop
  let ids = await filled(port, signal)
  const keeper = (async () => {
    for (;;) {
      await pause(signal)
      if (signal.aborted) return
      // Other code notices a daemon that has ended.
      const now = await filled(port, signal).catch(() => [])
      if (now.length > 0) ids = now
    }
  })()
  return {
    get ids() {
      return ids
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await keeper
    },
  }
}

async function filled(port: number, signal: AbortSignal): Promise<number[]> {
  const url = `http://127.0.0.1:${port}/terminals`
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  // Raw mode: a byte that stops or ends the terminal's program would leave none to talk to. The ring alone has 256 KiB;
  // each new client gets little of it.
  const body = JSON.stringify({ command: ['sh', '-c', 'stty raw -echo; exec cat'], scrollback_size: 512 })
  const reply = await fetch(url, { headers, signal })
  const { terminals } = (await reply.json()) as { terminals: { id: string; alive: boolean }[] } // protocol.md#terminals
  const ids = terminals.filter((one) => one.alive).map((one) => Number(one.id))
  while (ids.length < FIRST_IDS.length) {
    const made = await fetch(url, { method: 'POST', headers, body, signal })
    const { id } = (await made.json()) as { id?: string } // protocol.md#terminals
    if (id === undefined) break // as many as are allowed: the dead ones go before long
    ids.push(Number(id))
  }
  return ids
}

async function pause(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, LOOK_MS)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
}
