// Signed tokens that were verified lately, by digest, so that each is verified once in a while and not with every
// request. Expiry follows the wall clock at each use, the age of an entry a monotonic one.

import type { Caller } from '../../caller.ts'

/** Beyond, the entry made first is forgotten and its token verified again. About 0.5 MB. */
const ENTRY_LIMIT = 1_000
/** A token whose signing key was withdrawn must not live on because it is remembered. */
const AGE_LIMIT_MS = 5 * 60_000

export interface VerifiedTokens {
  recall(digest: string): Caller | undefined
  add(digest: string, caller: Caller): void
}

export function openVerifiedTokens(toleranceSeconds: number): VerifiedTokens {
  const entries = new Map<string, { caller: Caller; endsAt: number; verifiedAt: number }>()
  return {
    recall(digest) {
      const entry = entries.get(digest)
      if (entry === undefined) return undefined
      if (Date.now() < entry.endsAt && performance.now() - entry.verifiedAt < AGE_LIMIT_MS) return entry.caller
      entries.delete(digest)
      return undefined
    },
    add(digest, caller) {
      const [oldest] = entries.keys()
      if (entries.size >= ENTRY_LIMIT && oldest !== undefined) entries.delete(oldest)
      const endsAt = (caller.expiresAt ?? 0) + toleranceSeconds * 1000
      entries.set(digest, { caller, endsAt, verifiedAt: performance.now() })
    },
  }
}
