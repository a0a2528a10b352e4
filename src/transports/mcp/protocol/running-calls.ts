// Calls in progress of callers that cancel by a message (notifications/cancelled). No session joins the two requests,
// so a call is found by credential and request id. Ids of different clients of one credential collide; hence a
// cancellation counts only if it matches one call, or one whose client still waits: clients that give up silently leave
// calls of the same id. The Go SDK closes its request before it sends the cancellation; so if no client waits, the call
// that was left last is cancelled.

import type { Caller } from '../../../caller.ts'
import { isObject, type Params, type RequestId } from './json-rpc.ts'

export interface RunningCalls {
  /** Registers a call; disposing the handle removes it. `closed` aborts when the client has left. */
  begin(caller: Caller, id: RequestId, closed: AbortSignal): RunningCall
  /** Cancels the matching call. `several`: nothing was cancelled, since more than one call matches. */
  cancel(caller: Caller, params: Params): 'cancelled' | 'unknown' | 'several'
  readonly size: number
}

export interface RunningCall extends Disposable {
  /** Aborted by the cancellation, never by a lost connection (protocol.md#dialects). */
  readonly signal: AbortSignal
}

/** Calls kept: twice the default concurrency limit. A call beyond runs all the same but cannot be cancelled. */
const MOST_CALLS = 1024

export function openRunningCalls(): RunningCalls {
  const calls = new Map<string, Map<AbortController, Client>>()
  let size = 0
  return {
    begin(caller, id, closed) {
      const key = keyOf(caller, id)
      const controller = new AbortController()
      if (size >= MOST_CALLS) return { signal: controller.signal, [Symbol.dispose]: () => undefined }
      const same = calls.get(key) ?? new Map<AbortController, Client>()
      const client: Client = { leftAt: closed.aborted ? performance.now() : undefined }
      const leave = (): void => void (client.leftAt ??= performance.now())
      closed.addEventListener('abort', leave, { once: true })
      calls.set(key, same.set(controller, client))
      size++
      return {
        signal: controller.signal,
        [Symbol.dispose]: () => {
          closed.removeEventListener('abort', leave)
          if (!same.delete(controller)) return
          size--
          if (same.size === 0) calls.delete(key)
        },
      }
    },
    cancel(caller, params) {
      const id = params['requestId']
      const same = typeof id === 'string' || typeof id === 'number' ? calls.get(keyOf(caller, id)) : undefined
      if (same === undefined) return 'unknown'
      const all = [...same]
      const waiting = all.filter(([, { leftAt }]) => leftAt === undefined)
      const meant = waiting.length === 0 ? lastLeft(all) : waiting.length === 1 ? waiting[0] : undefined
      meant?.[0].abort(cancelled(params))
      return meant === undefined ? 'several' : 'cancelled'
    },
    get size() {
      return size
    },
  }
}

interface Client {
  /** Time when the client left (ms, monotonic); undefined while the client waits for the answer. */
  leftAt: number | undefined
}

function lastLeft<T>(all: readonly (readonly [T, Client])[]): readonly [T, Client] | undefined {
  return all.toSorted(([, a], [, b]) => (b.leftAt ?? 0) - (a.leftAt ?? 0))[0]
}

/** Returns the id with its type: 1 and "1" are two ids. */
function keyOf(caller: Caller, id: RequestId): string {
  return `${caller.id}\n${typeof id}\n${id}`
}

function cancelled(params: Params): DOMException {
  const reason = isObject(params) && typeof params['reason'] === 'string' ? `: ${params['reason'].slice(0, 200)}` : ''
  return new DOMException(`cancelled by the caller${reason}`, 'AbortError')
}
