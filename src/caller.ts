// Who is calling, as far as a verified credential says. Made by transports/credentials, read by the gate.

import type { Scope } from './operation.ts'

export interface Caller {
  /** Stable and free of secrets: names the credential in limits, logs and cancellation. */
  readonly id: string
  readonly scopes: ReadonlySet<Scope> | 'all'
  /** Epoch milliseconds at which the credential ends; undefined for a raw token. */
  readonly expiresAt: number | undefined
}

export function mayUse(caller: Caller, scope: Scope): boolean {
  return scope === 'none' || caller.scopes === 'all' || caller.scopes.has(scope)
}
