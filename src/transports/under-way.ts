// The exchanges in progress. When a credential is withdrawn (the token was changed), its streams are cut at once and
// its waiting calls after a grace (protocol.md#auth). Commands that were started run on: to them a cut connection is
// that of a client which has left.

import type { ServerResponse } from 'node:http'
import { onRevoked, type Caller } from '../caller.ts'
import { entryOf } from './entries.ts'
import { WITHDRAWN_GRACE_MS } from './patience.ts'
import { splitTarget } from './request-head.ts'

export interface UnderWay extends Disposable {
  /** Notes an exchange; called in the moment the credential was judged. */
  begin(response: ServerResponse, caller: Caller): void
  /** Removes an exchange; does nothing if none was begun. */
  end(response: ServerResponse): void
}

export function openUnderWay(graceMs = WITHDRAWN_GRACE_MS): UnderWay {
  const callers = new Map<ServerResponse, Caller>()
  const timers = new Set<NodeJS.Timeout>()
  const cut = (revoked: AbortSignal, which: (response: ServerResponse) => boolean): void => {
    for (const [response, caller] of callers) {
      if (caller.revoked === revoked && which(response)) response.destroy()
    }
  }
  const watch = onRevoked((revoked) => {
    cut(revoked, streams)
    const timer = setTimeout(() => {
      timers.delete(timer)
      cut(revoked, () => true)
    }, graceMs)
    timers.add(timer)
  })
  return {
    begin(response, caller) {
      callers.set(response, caller)
      watch(caller)
    },
    end: (response) => void callers.delete(response),
    [Symbol.dispose]() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

/** True for an answer whose head is sent and whose end is not, unless it may still be a call. */
function streams({ headersSent, req }: ServerResponse): boolean {
  return headersSent && entryOf(splitTarget(req.url ?? '').path).streamsCalls !== true
}
