// The machines this daemon speaks for (protocol.md#targets): itself under the ids `local` and `default`, and daemons
// that the configuration names. Resolves paths under /runtimes/ and asks the others how they are.

import { Fault } from '../base/fault.ts'

export interface RemoteTarget {
  readonly id: string
  readonly url: URL
  readonly token: string
}

export interface Place {
  /** The path without its /runtimes/<id> prefix. */
  readonly path: string
  /** Set where another daemon must answer. */
  readonly remote?: RemoteTarget
}

export interface Targets {
  readonly remotes: readonly RemoteTarget[]
  /** Throws not_found for an unknown id. */
  resolve(path: string): Place
  /** Resolves with the target's answer to GET /runtime, or why there is none, within 5 s. */
  ask(remote: RemoteTarget, signal: AbortSignal): Promise<{ runtime: unknown } | { error: string }>
}

/** The pattern of target ids (protocol.md#targets). */
const TARGET_PATH = /^\/runtimes\/([a-z][a-z0-9_-]{0,63})(\/.*)?$/

const ASK_MS = 5_000

export function openTargets(configured: Readonly<Record<string, { url: string; token: string }>>): Targets {
  const remotes = Object.entries(configured).map(([id, { url, token }]) => ({ id, url: new URL(url), token }))
  return {
    remotes,
    resolve(path) {
      if (!path.startsWith('/runtimes/')) return { path }
      const match = TARGET_PATH.exec(path)
      const id = match?.[1]
      const rest = match?.[2] ?? '/'
      if (id === 'local' || id === 'default') return { path: rest }
      const remote = remotes.find((one) => one.id === id)
      if (remote !== undefined) return { path: rest, remote }
      throw new Fault(
        'not_found',
        `there is no runtime ${JSON.stringify(id ?? path.slice(10, 80))}; GET /runtimes lists them`,
      )
    },
    async ask(remote, signal) {
      try {
        const response = await fetch(new URL(`${remote.url.pathname.replace(/\/$/, '')}/runtime`, remote.url), {
          headers: { authorization: `Bearer ${remote.token}` },
          signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]),
        })
        if (!response.ok) return { error: `it answered ${response.status}` }
        return { runtime: await response.json() }
      } catch (error) {
        return { error: error instanceof Error ? error.message : String(error) }
      }
    },
  }
}
