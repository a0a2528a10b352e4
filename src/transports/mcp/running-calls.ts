// The calls in progress of callers who cancel by a message of its own (notifications/cancelled): no session
// joins the two requests, so they are found by credential and request id. Ids of different clients of one
// credential collide, hence a cancellation counts only where exactly one call matches (mcp.md 6, trap 19).

import type { Caller } from '../../caller.ts'
import { isObject, type Params, type RequestId } from './json-rpc.ts'

export interface RunningCalls {
  /** Registers a call; disposing the handle forgets it. */
  begin(caller: Caller, id: RequestId): RunningCall
  /** True where one call was cancelled. */
  cancel(caller: Caller, params: Params): boolean
  readonly size: number
}

export interface RunningCall extends Disposable {
  /** Aborted by the cancellation, never by a connection that drops (contract 16). */
  readonly signal: AbortSignal
}

/** Calls kept; one beyond runs all the same but cannot be cancelled. Twice the default concurrency limit. */
const MOST_CALLS = 1024

export function openRunningCalls(): RunningCalls {
  const calls = new Map<string, Set<AbortController>>()
  let size = 0
  return {
    begin(caller, id) {
      const key = keyOf(caller, id)
      const controller = new AbortController()
      if (size >= MOST_CALLS) return { signal: controller.signal, [Symbol.dispose]: () => undefined }
      const same = calls.get(key) ?? new Set()
      calls.set(key, same.add(controller))
      size++
      return {
        signal: controller.signal,
        [Symbol.dispose]: () => {
          if (!same.delete(controller)) return
          size--
          if (same.size === 0) calls.delete(key)
        },
      }
    },
    cancel(caller, params) {
      const id = params['requestId']
      if (typeof id !== 'string' && typeof id !== 'number') return false
      const same = calls.get(keyOf(caller, id))
      if (same?.size !== 1) return false
      for (const controller of same) controller.abort(cancelled(params))
      return true
    },
    get size() {
      return size
    },
  }
}

/** The id with its type: 1 and "1" are two ids. */
function keyOf(caller: Caller, id: RequestId): string {
  return `${caller.id}\n${typeof id}\n${id}`
}

function cancelled(params: Params): DOMException {
  const reason = isObject(params) && typeof params['reason'] === 'string' ? `: ${params['reason'].slice(0, 200)}` : ''
  return new DOMException(`cancelled by the caller${reason}`, 'AbortError')
}
