// The gate: the only way to run an operation. It types the input, admits the call (authorised, not shutting
// down, under the caller's limits), runs it with a signal, counts it, and returns a value or throws a Fault.

import { mayUse, type Caller } from './caller.ts'
import { errnoOf, Fault, faultOfExhaustion } from './base/fault.ts'
import type { Daemon } from './daemon.ts'
import { takeIn, type IntakeRules } from './intake.ts'
import type { Log } from './base/log.ts'
import { ByteStream, EventStream, type Call, type Operation } from './operation.ts'
import type { Outcome } from './base/tally.ts'
import { Waiters } from './base/waiting.ts'
import type { Workspace } from './workspace/workspace.ts'

export interface Request {
  readonly raw: Readonly<Record<string, unknown>>
  readonly rules: IntakeRules<Record<string, unknown>>
  readonly caller: Caller
  /** Aborted when the caller has left for good. */
  readonly signal: AbortSignal
  readonly body?: Call['body']
  readonly progress?: Call['progress']
  readonly requestId: string
  readonly via: 'rest' | 'mcp'
}

export interface Answer {
  readonly value: object | EventStream | ByteStream
  /** Fields of the request that meant nothing to the operation. */
  readonly ignored: readonly string[]
}

export interface GateLimits {
  /** Calls in progress per credential; 429 beyond (contract 15.4). */
  readonly concurrency: number
  /** Calls a second per credential, with a burst of as many; 0: no limit. */
  readonly rate: number
}

export interface Gate {
  invoke(op: Operation, request: Request): Promise<Answer>
  /**
   * Admits what is no operation but counts as a call as long as it lasts (proxied exchanges and tunnels). Throws as
   * `invoke` does; what it returns says that it is over.
   */
  enter(what: Admission, caller: Caller): () => void
  /** From now on every call is refused with 503; those running go on. */
  close(): void
  readonly running: number
  /** Resolves once nothing runs, or when `signal` aborts. */
  idle(signal: AbortSignal): Promise<void>
}

/** What the gate asks about. */
export type Admission = Pick<Operation, 'name' | 'scope' | 'open'>

interface Account {
  running: number
  /** Calls that may still start in this moment, and when that was reckoned (ms, monotonic). */
  tokens: number
  at: number
}

/** `daemon`: where calls are counted, and what those learn that ask for it. */
export function openGate(workspace: Workspace, limits: GateLimits, log: Log, daemon?: Daemon): Gate {
  const accounts = new Map<string, Account>()
  const waiters = new Waiters()
  let running = 0
  let open = true

  const enter = (op: Admission, caller: Caller): (() => void) => {
    if (!open) throw new Fault('unavailable', 'the daemon is stopping and takes no new calls', { retryAfter: 5 })
    if (op.open !== true && !mayUse(caller, op.scope)) {
      const lacks = op.scope === 'none' ? 'it has no scope at all' : `it lacks the scope "${op.scope}"`
      throw new Fault('forbidden', `this credential does not allow ${op.name}: ${lacks}`, {
        details: { scope: op.scope },
      })
    }
    if (accounts.size > MOST_ACCOUNTS) forgetIdle(accounts)
    const account = accounts.get(caller.id) ?? { running: 0, tokens: limits.rate, at: performance.now() }
    admit(account, limits)
    accounts.set(caller.id, account)
    account.running++
    running++
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      account.running--
      running--
      if (account.running === 0 && limits.rate === 0) accounts.delete(caller.id)
      if (running === 0) waiters.wake()
    }
  }

  return {
    enter,
    async invoke(op, request) {
      const began = performance.now()
      let leave: (() => void) | undefined
      let outcome: Outcome = '2xx'
      try {
        const out = (leave = enter(op, request.caller))
        const { input, ignored } = takeIn(op, request.raw, request.rules, workspace.workdir)
        const value = await op.run(input, callOf(workspace, request, daemon))
        if (value instanceof EventStream || value instanceof ByteStream) leave = undefined // when the stream ends
        return { value: whileInside(value, out), ignored }
      } catch (error) {
        const fault = asFault(error, op, request, log)
        outcome = request.signal.aborted ? 'left' : fault.status < 500 ? '4xx' : '5xx'
        throw fault
      } finally {
        leave?.()
        daemon?.calls.count(op.name, request.via, outcome, (performance.now() - began) / 1000)
      }
    },
    close() {
      open = false
    },
    get running() {
      return running
    },
    async idle(signal) {
      await waiters.until(() => running === 0, signal)
    },
  }
}

/** Credentials remembered for their rate before those without a call in progress are looked through. */
const MOST_ACCOUNTS = 1000

/** After a second without a call an account has all its tokens back, so nothing is lost with it. */
function forgetIdle(accounts: Map<string, Account>): void {
  const before = performance.now() - 1000
  for (const [id, account] of accounts) if (account.running === 0 && account.at < before) accounts.delete(id)
}

/** Throws 429 when the account is at its limits; otherwise takes one token of the rate. */
function admit(account: Account, limits: GateLimits): void {
  if (account.running >= limits.concurrency) {
    throw new Fault(
      'rate_limited',
      `this credential has ${account.running} calls in progress; at most ${limits.concurrency} are accepted`,
      {
        details: { limit: limits.concurrency, unit: 'calls in progress' },
        retryAfter: 1,
      },
    )
  }
  if (limits.rate === 0) return
  const now = performance.now()
  account.tokens = Math.min(limits.rate, account.tokens + ((now - account.at) / 1000) * limits.rate)
  account.at = now
  if (account.tokens < 1) {
    throw new Fault('rate_limited', `this credential makes more than ${limits.rate} calls a second`, {
      details: { limit: limits.rate, unit: 'calls per second' },
      retryAfter: 1,
    })
  }
  account.tokens--
}

function callOf(workspace: Workspace, request: Request, daemon: Daemon | undefined): Call {
  const { signal, body, progress, caller } = request
  const access = workspace.accessFor(caller.scopes === 'all')
  return { workspace, access, daemon, signal, body, progress }
}

/** The value; of a stream, one that leaves when it ends. */
function whileInside(value: object, leave: () => void): object | EventStream | ByteStream {
  if (value instanceof EventStream) return new EventStream(value.format, thenLeave(value.frames, leave))
  if (value instanceof ByteStream) return new ByteStream(value.head, thenLeave(value.chunks, leave))
  return value
}

/** The items, and `leave` once they end, fail or are given up: also when they were never begun. */
function thenLeave<T>(items: AsyncIterable<T>, leave: () => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = items[Symbol.asyncIterator]()
      return {
        async next() {
          try {
            const step = await source.next()
            if (step.done === true) leave()
            return step
          } catch (error) {
            leave()
            throw error
          }
        },
        async return() {
          leave()
          await source.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}

/** Every failure leaves as a Fault; one that is not yet is our defect: logged with its stack, told without. */
function asFault(error: unknown, op: Operation, request: Request, log: Log): Fault {
  if (error instanceof Fault) return error
  if (error instanceof SuppressedError) {
    // Taking back what was half done failed too: the caller is told why there was something to take back.
    log.warn('clean_up_failed', { operation: op.name, request_id: request.requestId, reason: String(error.error) })
    return asFault(error.suppressed, op, request, log)
  }
  if (request.signal.aborted) return new Fault('unavailable', 'the call was given up by its caller', { cause: error })
  const exhausted = faultOfExhaustion(error)
  if (exhausted !== undefined) {
    log.warn('exhausted', { operation: op.name, request_id: request.requestId, reason: exhausted.message })
    return exhausted
  }
  log.error('internal_error', {
    operation: op.name,
    request_id: request.requestId,
    errno: errnoOf(error),
    stack: error instanceof Error ? error.stack : String(error),
  })
  return new Fault(
    'internal_error',
    `${op.name} failed inside the daemon; the log has the reason under this request id`,
    { cause: error },
  )
}
