// The caller, as far as a verified credential describes it. Made by transports/credentials, read by the gate.

import type { Fields, Operation, Scope } from './operation.ts'

export interface Caller {
  /** Stable name of the credential in limits, logs and cancellation; it holds no secret. */
  readonly id: string
  readonly scopes: ReadonlySet<Scope> | 'all'
  /** Epoch milliseconds at which the credential ends; undefined for a raw token. */
  readonly expiresAt: number | undefined
  /** Limits besides its scopes; absent if the scopes are the only ones. */
  readonly grant?: Grant
  /** Aborted when the credential is withdrawn before its end; absent if it cannot be withdrawn. */
  readonly revoked?: AbortSignal
}

/** Facts about an operation that a gate checks before it knows the input. */
export type Admission = Pick<Operation, 'name' | 'scope' | 'open'>

/** Limits of a credential beyond its scopes. It narrows what the scopes allow and never widens it. */
export interface Grant {
  /** False if the grant allows no input of the operation: the tool is not listed, and no body is read. */
  mayEnter(op: Admission): boolean
  /** Returns undefined if the call with this input is allowed, else a sentence why not. */
  allows(op: Operation, input: Fields): string | undefined
}

/**
 * Returns a function to call for every caller that holds something open for longer than a request. `act` is called when
 * the credential of such a caller is withdrawn, at once if it already is. There is one listener for each credential,
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

/** True if the caller has the scope. The scope `none` still needs a credential with at least one scope. */
export function mayUse({ scopes }: Caller, scope: Scope): boolean {
  if (scopes === 'all') return true
  return scope === 'none' ? scopes.size > 0 : scopes.has(scope)
}

/** True if the caller may run the operation with some input. */
export function mayEnter(caller: Caller, op: Admission): boolean {
  return mayUse(caller, op.scope) && (caller.grant === undefined || caller.grant.mayEnter(op))
}
