// Who is calling, as far as a verified credential says. Made by transports/credentials, read by the gate.

import type { Fields, Operation, Scope } from './operation.ts'

export interface Caller {
  /** Stable and free of secrets: names the credential in limits, logs and cancellation. */
  readonly id: string
  readonly scopes: ReadonlySet<Scope> | 'all'
  /** Epoch milliseconds at which the credential ends; undefined for a raw token. */
  readonly expiresAt: number | undefined
  /** What it may do besides its scopes; absent where the scopes say all. */
  readonly grant?: Grant
  /** Aborted when the credential is withdrawn before its time; absent where that cannot be. */
  readonly revoked?: AbortSignal
}

/** What a gate asks about before the input is known. */
export type Admission = Pick<Operation, 'name' | 'scope' | 'open'>

/** Limits of a credential beyond its scopes. It narrows what the scopes allow and never widens it. */
export interface Grant {
  /** False where no input of the operation is allowed: the tool is not listed, and no body is read. */
  mayEnter(op: Admission): boolean
  /** Asked with the input that was read: undefined where the call is allowed, else the sentence why it is not. */
  allows(op: Operation, input: Fields): string | undefined
}

/**
 * Returns what is to be told of every caller that holds something open for longer than a request; `act` is called
 * when the credential of such a caller is withdrawn, at once where it already is. One listener for each credential,
 * however many connections it has.
 */
export function onRevoked(act: (revoked: AbortSignal) => void): (caller: Caller) => void {
  const watched = new WeakSet<AbortSignal>()
  return ({ revoked }) => {
    if (revoked === undefined) return
    if (revoked.aborted) return act(revoked)
    if (watched.has(revoked)) return
    watched.add(revoked)
    revoked.addEventListener('abort', () => act(revoked), { once: true })
  }
}

/** What needs no scope of its own is still closed to a credential that allows nothing at all. */
export function mayUse({ scopes }: Caller, scope: Scope): boolean {
  if (scopes === 'all') return true
  return scope === 'none' ? scopes.size > 0 : scopes.has(scope)
}

/** Tells whether the caller may run the operation with some input. */
export function mayEnter(caller: Caller, op: Admission): boolean {
  return mayUse(caller, op.scope) && (caller.grant === undefined || caller.grant.mayEnter(op))
}
