// Questions to clients of the older revisions: they leave on the stream of the call that asks, and the answer
// arrives as a POST of its own. No session joins the two, so a question is known by an id that nobody can
// guess, in one map for the whole process, and only the credential that was asked may answer.

import { freshRandom } from '../../base/fresh-random.ts'
import { type End, waitFor } from '../../base/waiting.ts'
import type { Caller } from '../../caller.ts'
import type { RpcResponse } from './json-rpc.ts'
import type { Outlet, Question } from './outlet.ts'

export interface PendingQuestions {
  /** What the client answered; undefined where it cannot be asked, refuses, or does not answer in time. */
  ask(caller: Caller, outlet: Outlet, question: Asked, signal: AbortSignal): Promise<unknown>
  /** True where the response was waited for. */
  answer(caller: Caller, response: RpcResponse): boolean
  readonly size: number
}

export interface Asked {
  readonly method: string
  readonly params: object
}

interface Answer {
  readonly result: unknown
}

/** Not to be guessed. */
const ID_BYTES = 16
/** Open at once. */
const MOST = 1024
/** A person may have to be found first. */
const PATIENCE_MS = 600_000

export function openQuestions(): PendingQuestions {
  const open = new Map<string, { caller: string; answered: End<Answer> }>()
  return {
    async ask(caller, outlet, { method, params }, signal) {
      if (open.size >= MOST || signal.aborted) return undefined
      const id = freshRandom(ID_BYTES).toString('hex')
      const message: Question = { jsonrpc: '2.0', id, method, params }
      const asking = (end: End<Answer>) => {
        open.set(id, { caller: caller.id, answered: end })
        if (!outlet.send(message)) end({ result: undefined })
        return () => void open.delete(id)
      }
      const ended = await waitFor(asking, signal, PATIENCE_MS)
      return typeof ended === 'string' ? undefined : ended.result
    },
    answer(caller, { id, result }) {
      const asked = typeof id === 'string' ? open.get(id) : undefined
      if (asked === undefined || asked.caller !== caller.id) return false
      asked.answered({ result })
      return true
    },
    get size() {
      return open.size
    },
  }
}
