// The signing keys behind a JWKS URL, and the tokens verified lately. Keys are fetched when a token needs them, at most
// once in 30 s for any key ids that tokens claim. Keys once read keep working for ten minutes while the URL is down,
// slow or wrong. Ages are monotonic, so a clock that jumps neither floods the URL nor ages the keys. jose's own
// remote set is not used: it has no pause after a failed fetch and goes by the wall clock. A signed token is verified
// once in five minutes, not with every request; its expiry follows the wall clock at each use.

import type * as Jose from 'jose'
import { StartError } from '../../base/signals.ts'
import type { Caller } from '../../caller.ts'

type Jose = typeof Jose
type LocalKeys = ReturnType<Jose['createLocalJWKSet']>

/** Time between the starts of two fetches. */
const PAUSE_MS = 30_000
/** Age from which keys are read again in the background when they are used. */
const STALE_MS = 5 * 60_000
/** Age from which keys are no longer valid: a withdrawn key must end some time. */
const BELIEVED_MS = 10 * 60_000
/** Time for a fetch: less than the 5 s in which a token with an unknown key id must have its answer. */
const FETCH_DEADLINE_MS = 4_500
const BODY_LIMIT_BYTES = 256 * 1024
/** Tokens that wait for a fetch at once. A token with a known key never waits, however many others do. */
const WAITING_LIMIT = 1_000

/** Thrown if no set could be read, or the last good one is too old. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

export interface RemoteKeys extends AsyncDisposable {
  /** Returns the key that the header names; throws KeysUnavailable or one of jose's JWKS errors. */
  find(header: Jose.CompactJWSHeaderParameters): Promise<Jose.CryptoKey>
}

export function checkedJwksUrl(text: string): URL {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url
  throw new StartError('jwt.jwks_url is not accepted: it must be an http or https URL without user and password')
}

export function openRemoteKeys(jose: Jose, url: URL, now: () => number = () => performance.now()): RemoteKeys {
  const closing = new AbortController()
  let keys: LocalKeys | undefined
  let readAt = -Infinity
  let triedAt = -Infinity
  let fetching: Promise<void> | undefined
  let waiting = 0

  const fetchOnce = async (): Promise<void> => {
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(FETCH_DEADLINE_MS)])
      keys = jose.createLocalJWKSet(publicKeysOf(await fetchJson(url, signal)))
      readAt = now()
    } catch {
      // The old keys stay; a waiting token sees that nothing changed.
    } finally {
      fetching = undefined
    }
  }
  /** Fetches the keys. Never rejects; resolves at once during the pause. */
  const refresh = (): Promise<void> => {
    if (fetching !== undefined) return fetching
    if (closing.signal.aborted || now() - triedAt < PAUSE_MS) return Promise.resolve()
    triedAt = now()
    return (fetching = fetchOnce())
  }
  /** Waits for the next fetch, as one of a bounded number of tokens. */
  const awaitFetch = async (): Promise<void> => {
    if (waiting >= WAITING_LIMIT) throw new KeysUnavailable(`${waiting} tokens wait for the JSON Web Key Set already`)
    waiting++
    try {
      await refresh()
    } finally {
      waiting--
    }
  }
  const believed = (): LocalKeys => {
    if (keys !== undefined && now() - readAt <= BELIEVED_MS) return keys
    throw new KeysUnavailable('the JSON Web Key Set could not be read')
  }

  return {
    async find(header) {
      const age = now() - readAt
      if (age > BELIEVED_MS) await awaitFetch()
      // `fetching` owns it, and disposal awaits that.
      else if (age > STALE_MS) void refresh()
      const before = believed()
      try {
        return await before(header)
      } catch (error) {
        if (!(error instanceof jose.errors.JWKSNoMatchingKey)) throw error
        await awaitFetch()
        const after = believed()
        if (after === before) throw error
        return await after(header)
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await fetching
    },
  }
}

/**
 * Returns the entries of a set that can be used to verify. RFC 7517 5 has a reader ignore entries that it does not
 * understand; a shared secret ("oct") or a private key in a set that others can read must not be trusted.
 */
function publicKeysOf(answer: unknown): Jose.JSONWebKeySet {
  const keys = jwkEntries(answer)
  if (keys === undefined) throw new KeysUnavailable('the JWKS answer is not a JSON Web Key Set')
  return { keys: keys.filter((key) => isJwk(key) && isPublic(key)) as Jose.JWK[] } // as far as jose looks itself
}

/** Returns `keys` of a JSON Web Key Set; undefined if it is none. */
export function jwkEntries(value: unknown): readonly unknown[] | undefined {
  if (typeof value !== 'object' || value === null || !('keys' in value)) return undefined
  return Array.isArray(value.keys) ? value.keys : undefined
}

/** True for an object whose `kty`, and `kid` if it has one, are text (RFC 7517 4). */
export function isJwk(entry: unknown): entry is { readonly kty: string; readonly kid?: string } {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return false
  const { kty, kid }: { kty?: unknown; kid?: unknown } = entry
  return typeof kty === 'string' && (kid === undefined || typeof kid === 'string')
}

/** False for a shared secret and for a key with a private part (RFC 7518 6; `priv` of RFC 9964). */
export function isPublic(key: { readonly kty: string }): boolean {
  return key.kty !== 'oct' && !Object.hasOwn(key, 'd') && !Object.hasOwn(key, 'priv')
}

async function fetchJson(url: URL, signal: AbortSignal): Promise<unknown> {
  const headers = { accept: 'application/jwk-set+json, application/json' }
  const response = await fetch(url, { signal, headers, redirect: 'error' })
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop early cancels the body. Bytes are counted after decompression.
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (response.status !== 200 || size > BODY_LIMIT_BYTES) break
    chunks.push(chunk)
  }
  if (response.status !== 200 || size > BODY_LIMIT_BYTES) throw new KeysUnavailable('the JWKS answer is not accepted')
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

/** Entries at most; then the oldest is forgotten, and its token verified again. About 0.5 MB. */
const ENTRY_LIMIT = 1_000
/** Time for which a token is remembered: one whose signing key was withdrawn must end. */
const AGE_LIMIT_MS = 5 * 60_000

interface VerifiedTokens {
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
