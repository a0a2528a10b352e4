// The gate is the only way to run an operation. It types the input, admits the call (authorised, not shutting down,
// under the caller's limits), runs it with a signal, counts it, and returns a value or throws a Fault.

import { mayUse, type Admission, type Caller } from './caller.ts'
import { errnoOf, Fault, faultOfExhaustion, stackOf } from './base/fault.ts'
import type { Daemon } from './daemon.ts'
import { readInput, type IntakeRules } from './intake/intake.ts'
import { tellPathBytes } from './intake/path-bytes.ts'
import type { Log } from './base/log.ts'
import { type Blocks, ByteStream, EventStream, familyOf, type Call, type Operation } from './operation.ts'
import type { Outcome } from './base/tally.ts'
import { Waiters } from './base/waiting.ts'
import type { Workspace } from './workspace/workspace.ts'

type Fields = Readonly<Record<string, unknown>>

/** A request as a transport hands it to the gate. */
export interface Arrival {
  readonly raw: Fields
  readonly body?: Call['body']
}

export interface Request {
  /** The fields, or a function that reads them after admission: the body of a caller without the right stays unread. */
  readonly raw: Fields | (() => Promise<Arrival>)
  readonly rules: IntakeRules<Record<string, unknown>>
  readonly caller: Caller
  /** Aborted when the caller has left and will not come back. */
  readonly signal: AbortSignal
  readonly progress?: Call['progress']
  readonly requestId: string
  readonly via: 'rest' | 'mcp'
}

export interface CallResult {
  readonly value: object | EventStream | ByteStream | Blocks
  /** Fields of the request that the operation does not know. */
  readonly ignored: readonly string[]
}

export type { Admission } from './caller.ts'

export interface GateLimits {
  /** Calls in progress per credential; 429 beyond (protocol.md#limits). */
  readonly concurrency: number
  /** Calls a second per credential, with a burst of as many; 0: no limit. */
  readonly rate: number
}

export interface Gate {
  invoke(op: Operation, request: Request): Promise<CallResult>
  /**
   * Admits something that is no operation but counts as a call while it lasts (proxied exchanges and tunnels). Throws
   * as `invoke` does. The returned function ends the call.
   */
  enter(what: Admission, caller: Caller): () => void
  /**
   * Checks a credential whose call is not known yet (a long message of MCP): some scope, a place among its calls, its
   * rate. Holds the place until the returned function is called; takes no token of the rate.
   */
  hold(caller: Caller): () => void
  /** Refuses every later call with 503; running calls go on. */
  close(): void
  readonly running: number
  /** Resolves when no call runs, or when `signal` aborts. */
  idle(signal: AbortSignal): Promise<void>
}

interface Account {
  running: number
  /** Calls that may start at the moment `at` (ms, monotonic). */
  tokens: number
  at: number
}

/** Returns a gate. `daemon` counts the calls and is handed to each operation. */
export function openGate(workspace: Workspace, limits: GateLimits, log: Log, daemon?: Daemon): Gate {
  const accounts = new Map<string, Account>()
  const waiters = new Waiters()
  let running = 0
  let open = true

  const takePlace = (caller: Caller, cost: 0 | 1): (() => void) => {
    if (!open) throw new Fault('unavailable', 'the daemon is stopping and takes no new calls', { retryAfter: 5 })
    if (accounts.size > MOST_ACCOUNTS) forgetIdle(accounts)
    const account = accounts.get(caller.id) ?? { running: 0, tokens: limits.rate, at: performance.now() }
    admit(account, limits, cost)
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
  const enter = (op: Admission, caller: Caller): (() => void) => {
    const inScope = op.open === true || mayUse(caller, op.scope)
    if (inScope && (caller.grant === undefined || caller.grant.mayEnter(op))) return takePlace(caller, 1)
    if (inScope)
      throw new Fault('forbidden', `this credential does not allow ${op.name}`, { details: { operation: op.name } })
    const lacks = op.scope === 'none' ? 'it has no scope at all' : `it lacks the scope "${op.scope}"`
    throw new Fault('forbidden', `this credential does not allow ${op.name}: ${lacks}`, {
      details: { scope: op.scope },
    })
  }

  return {
    enter,
    hold(caller) {
      if (caller.scopes === 'all' || caller.scopes.size > 0) return takePlace(caller, 0)
      throw new Fault('forbidden', 'this credential has no scope at all, so it may not send a long message')
    },
    async invoke(op, request) {
      let began = performance.now()
      let leave: (() => void) | undefined
      const family = familyOf(op)
      const elapsed = (): number => (performance.now() - began) / 1000
      const over = (outcome: Outcome, seconds = elapsed()): void => {
        leave?.()
        daemon?.calls.count(family, request.via, outcome, seconds)
      }
      const failed = (error: unknown): Fault => asFault(error, op, request, log)
      const left = (): boolean => request.signal.aborted
      try {
        leave = enter(op, request.caller)
        const { raw, body } = typeof request.raw === 'function' ? await request.raw() : { raw: request.raw }
        began = performance.now() // the time in which a client sends its body is not the operation's
        const { input, ignored } = readInput(op, raw, request.rules, workspace.workdir)
        const denied = request.caller.grant?.allows(op, input)
        if (denied !== undefined) throw new Fault('forbidden', denied, { details: { operation: op.name } })
        const value = await op.run(input, { ...callOf(workspace, request, daemon), body })
        const begun = elapsed()
        if (!(value instanceof EventStream || value instanceof ByteStream)) over('2xx', begun)
        return {
          value: whileInside(tellPathBytes(value), { over: (outcome) => over(outcome, begun), failed, left }),
          ignored,
        }
      } catch (error) {
        const fault = failed(error)
        over(left() ? 'left' : fault.status < 500 ? '4xx' : '5xx')
        throw fault
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

/** Credentials remembered for their rate; beyond, the gate drops those that have been idle for a second. */
const MOST_ACCOUNTS = 1000

/** Drops accounts without a call for a second: they have all their tokens back, so nothing is lost. */
function forgetIdle(accounts: Map<string, Account>): void {
  const before = performance.now() - 1000
  for (const [id, account] of accounts) if (account.running === 0 && account.at < before) accounts.delete(id)
}

/** Throws 429 if the account is at its limits; otherwise takes `cost` of the rate's tokens. */
function admit(account: Account, limits: GateLimits, cost: 0 | 1): void {
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
  account.tokens -= cost
}

function callOf(workspace: Workspace, request: Request, daemon: Daemon | undefined): Call {
  const { signal, progress, caller } = request
  const access = workspace.accessFor(caller.scopes === 'all')
  return { workspace, access, daemon, signal, progress }
}

/** Callbacks of the gate for a call whose answer is a stream. */
interface StreamWatch {
  /** Called once, when the call is over. */
  readonly over: (outcome: Outcome) => void
  /** Returns the fault that the transport reports. */
  readonly failed: (error: unknown) => Fault
  /** True once the client has left. */
  readonly left: () => boolean
}

/** Returns the value, or a stream whose end or failure ends the call. */
function whileInside(value: object, watch: StreamWatch): object | EventStream | ByteStream {
  if (value instanceof EventStream)
    return new EventStream(
      value.format,
      watched(value.frames, watch, () => 0),
    )
  if (!(value instanceof ByteStream)) return value
  const { head, chunks } = value
  return new ByteStream(
    head,
    watched(chunks, watch, (chunk) => chunk.byteLength, head.size),
  )
}

/**
 * Returns the items. The call is over when they end, fail or are given up, also if they never began. A failure counts
 * as 5xx with any fault, because its client already has a status of success. More or fewer bytes than the announced
 * `size` are a failure.
 */
function watched<T>(
  items: AsyncIterable<T>,
  { over, failed, left }: StreamWatch,
  sizeOf: (item: T) => number,
  size?: number,
): AsyncIterable<T> {
  let open = true
  let begun = false
  let missing = size ?? 0
  const end = (outcome: Outcome): void => {
    if (open) over(outcome)
    open = false
  }
  return {
    [Symbol.asyncIterator]() {
      const source = items[Symbol.asyncIterator]()
      return {
        async next() {
          begun = true
          try {
            const step = await source.next()
            if (step.done !== true) missing -= sizeOf(step.value)
            if (size !== undefined && (missing < 0 || (step.done === true && missing > 0)))
              throw otherSize(size, missing)
            if (step.done === true) end('2xx')
            return step
          } catch (error) {
            const fault = failed(error)
            end(left() ? 'left' : '5xx')
            throw fault
          }
        },
        async return() {
          end(begun ? 'left' : '2xx') // HEAD reads nothing; else a transport stops when its client has left
          await source.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}

function otherSize(announced: number, missing: number): Fault {
  const came = missing < 0 ? `${-missing} bytes more came` : `${missing} bytes are missing`
  return new Fault('conflict', `${announced} bytes were announced and ${came}: the source has changed meanwhile`)
}

/** Returns every failure as a Fault. Any other error is our defect: its stack goes to the log, never to the caller. */
function asFault(error: unknown, op: Operation, request: Request, log: Log): Fault {
  if (error instanceof Fault && error.code !== 'internal_error') return error
  if (error instanceof SuppressedError) {
    // The clean-up failed too; the caller gets the failure that made it necessary.
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
    stack: stackOf(error),
  })
  if (error instanceof Fault) return error // it already has a sentence, such as a worker's
  return new Fault(
    'internal_error',
    `${op.name} failed inside the daemon; the log has the reason under this request id`,
    { cause: error },
  )
}
