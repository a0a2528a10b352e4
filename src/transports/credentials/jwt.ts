// Gateway JWTs (protocol.md#jwt), only if configured: jose checks signature, algorithm and claims, with a fixed
// algorithm list of one family and only keys that the configuration names. Verified tokens are remembered by digest for
// a while. The verdict on a token is a caller or one word for the log. jose is loaded with the first verifier, so that
// a start without JWT does not pay for it.

import { hash } from 'node:crypto'
import type * as Jose from 'jose'
import type { Caller } from '../../caller.ts'
import type { Scope } from '../../operation.ts'
import { StartError } from '../../base/signals.ts'
import { checkedJwksUrl, isJwk, isPublic, KeysUnavailable, openRemoteKeys, openVerifiedTokens } from './jwks.ts'

type Jose = typeof Jose

/** Options; exactly one of `secret`, `jwks` and `jwksUrl` is given. */
export interface JwtOptions {
  readonly secret?: Uint8Array | undefined
  readonly jwks?: Jose.JSONWebKeySet | undefined
  readonly jwksUrl?: string | undefined
  /** Algorithms. Absent or empty: HS256 with a secret; RS256, PS256, ES256, EdDSA and Ed25519 with a key set. */
  readonly algorithms?: readonly string[] | undefined
  readonly audience?: string | undefined
  readonly issuer?: string | undefined
  /** The value that the claim `ws` must have; absent: the claim is not read. */
  readonly workspace?: string | undefined
  /** True if a token without the claim `scope` is refused instead of allowing everything. */
  readonly requireScope?: boolean | undefined
  /** Seconds of tolerance for exp, nbf and iat; at most 60. */
  readonly toleranceSeconds: number
}

export type JwtVerdict = { readonly caller: Caller } | { readonly reason: string }

export interface JwtVerifier extends AsyncDisposable {
  /** Returns the caller of a token that was verified lately and is still valid. Synchronous. */
  recall(digest: string): Caller | undefined
  /** Verifies a token. Never rejects. */
  verify(token: string, digest: string): Promise<JwtVerdict>
}

/** Bytes of an HMAC key at least: as long as the hash (RFC 7518 3.2). */
const SECRET_BYTES: ReadonlyMap<string, number> = new Map([
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
])
const PUBLIC_KEY_ALGORITHMS = [
  'RS256',
  'PS256',
  'ES256',
  'EdDSA',
  'Ed25519',
  'RS384',
  'RS512',
  'PS384',
  'PS512',
  'ES384',
  'ES512',
]
const DEFAULT_PUBLIC_KEY_ALGORITHMS = PUBLIC_KEY_ALGORITHMS.slice(0, 5)
const SCOPES: ReadonlySet<string> = new Set<Scope>([
  'files:read',
  'files:write',
  'search',
  'exec',
  'terminal',
  'watch',
  'proxy',
  'admin',
])
const TOLERANCE_MAXIMUM_S = 60
/** Longest lifetime of a token: gateways issue tokens of an hour and of 30 days; more is a mistake or a trick. */
const LIFETIME_MAXIMUM_S = 366 * 24 * 3600
/** Keys that are tried for a token without a key id if several fit. */
const KEYS_TRIED = 8

export async function openJwtVerifier(options: JwtOptions): Promise<JwtVerifier> {
  const algorithms = checkedAlgorithms(options)
  const tolerance = Math.min(TOLERANCE_MAXIMUM_S, Math.max(0, options.toleranceSeconds))
  const jose = await import('jose')
  const keys = openKeys(jose, options)
  const rules: Jose.JWTVerifyOptions = {
    algorithms: [...algorithms],
    requiredClaims: ['exp'],
    clockTolerance: tolerance,
    ...(options.audience === undefined ? {} : { audience: options.audience }),
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
  }
  const verified = openVerifiedTokens(tolerance)
  return {
    recall: (digest) => verified.recall(digest),
    async verify(token, digest) {
      try {
        const payload = await verifySignature(jose, token, keys, rules)
        refuseWorkspace(payload['ws'], options.workspace)
        const scopes = scopesOf(payload, options.requireScope === true)
        const caller = callerOf(payload, { digest, tolerance, scopes })
        verified.add(digest, caller)
        return { caller }
      } catch (error) {
        return { reason: reasonOf(jose, error) }
      }
    },
    async [Symbol.asyncDispose]() {
      await keys[Symbol.asyncDispose]()
    },
  }
}

/** Thrown for a token that jose would accept and we do not; `message` is the word for the log. */
class JwtRefused extends Error {}

function checkedAlgorithms(options: JwtOptions): readonly string[] {
  const sources = [options.secret, options.jwks, options.jwksUrl].filter((source) => source !== undefined)
  if (sources.length !== 1) {
    throw new StartError('jwt takes exactly one of secret_file, jwks_file and jwks_url')
  }
  const { secret } = options
  const known = secret === undefined ? PUBLIC_KEY_ALGORITHMS : [...SECRET_BYTES.keys()]
  const usual = secret === undefined ? DEFAULT_PUBLIC_KEY_ALGORITHMS : ['HS256']
  const chosen = options.algorithms === undefined || options.algorithms.length === 0 ? usual : options.algorithms
  for (const name of chosen) {
    const kind = secret === undefined ? 'a key set' : 'a shared secret'
    if (!known.includes(name))
      throw new StartError(
        `jwt.algorithms names ${JSON.stringify(name)}; accepted with ${kind} are ${known.join(', ')}`,
      )
    const least = SECRET_BYTES.get(name) ?? 0
    if (secret !== undefined && secret.length < least) {
      throw new StartError(`the JWT secret is ${secret.length} bytes long; ${name} takes ${least} or more`)
    }
  }
  return chosen
}

/** Finds the key of a token, never in the token. */
interface KeySource extends AsyncDisposable {
  find(header: Jose.CompactJWSHeaderParameters): Promise<Jose.CryptoKey | Uint8Array>
}

function openKeys(jose: Jose, options: JwtOptions): KeySource {
  if (options.jwksUrl !== undefined) return openRemoteKeys(jose, checkedJwksUrl(options.jwksUrl))
  const { secret, jwks = { keys: [] } } = options
  const nothingToClose = async (): Promise<void> => {}
  if (secret !== undefined) return { find: async () => secret, [Symbol.asyncDispose]: nothingToClose }
  refuseUnusable(jwks.keys)
  return { find: jose.createLocalJWKSet(jwks), [Symbol.asyncDispose]: nothingToClose }
}

/** Throws at the start for faults in the operator's key set. */
function refuseUnusable(keys: readonly unknown[]): void {
  if (keys.length === 0) throw new StartError('the JSON Web Key Set holds no key')
  for (const [index, key] of keys.entries()) {
    if (!isJwk(key)) {
      const accepted = 'accepted is an object with the texts kty and, where it has a name, kid (RFC 7517)'
      throw new StartError(`keys[${index}] of the JSON Web Key Set is not a key; ${accepted}`)
    }
    if (isPublic(key)) continue
    throw new StartError(`the JSON Web Key Set holds a key that is not public: kid ${JSON.stringify(key.kid ?? '')}`)
  }
}

async function verifySignature(
  jose: Jose,
  token: string,
  keys: KeySource,
  rules: Jose.JWTVerifyOptions,
): Promise<Jose.JWTPayload> {
  const keyOf = async (header: Jose.CompactJWSHeaderParameters): Promise<Jose.CryptoKey | Uint8Array> => {
    refuseHeader(header)
    return await keys.find(header)
  }
  try {
    return (await jose.jwtVerify(token, keyOf, rules)).payload
  } catch (error) {
    if (!(error instanceof jose.errors.JWKSMultipleMatchingKeys)) throw error
    return await verifyWithAny(jose, token, error, rules)
  }
}

/** Verifies a token without a key id if several keys fit its algorithm. */
async function verifyWithAny(
  jose: Jose,
  token: string,
  keys: AsyncIterable<Jose.CryptoKey>,
  rules: Jose.JWTVerifyOptions,
): Promise<Jose.JWTPayload> {
  let tried = 0
  for await (const key of keys) {
    if (++tried > KEYS_TRIED) break
    try {
      return (await jose.jwtVerify(token, key, rules)).payload
    } catch (error) {
      if (!(error instanceof jose.errors.JWSSignatureVerificationFailed)) throw error
    }
  }
  throw new jose.errors.JWSSignatureVerificationFailed()
}

/** Refuses header parameters with their own key, and forms that are no access token. Runs before keys are sought. */
function refuseHeader(header: Jose.CompactJWSHeaderParameters): void {
  if (['jku', 'jwk', 'x5u', 'x5c'].some((name) => Object.hasOwn(header, name))) throw new JwtRefused('key_in_header')
  if (Object.hasOwn(header, 'b64')) throw new JwtRefused('unencoded_payload')
  const { typ, kid }: { typ?: unknown; kid?: unknown } = header
  if (typ !== undefined && !(typeof typ === 'string' && /^(application\/)?(at\+)?jwt$/i.test(typ)))
    throw new JwtRefused('wrong_type')
  // A key id is only ever compared; a long one, or one that climbs directories, is an attack.
  if (kid !== undefined && !(typeof kid === 'string' && /^(?!.*\.\.)[\x21-\x7e]{1,256}$/.test(kid)))
    throw new JwtRefused('bad_key_id')
}

/** Refuses a token for another workspace: its signer signs for many of them. `ws` is one name, or a list. */
function refuseWorkspace(claim: unknown, workspace: string | undefined): void {
  if (workspace === undefined) return
  if (claim === undefined) throw new JwtRefused('missing_ws')
  if (!(Array.isArray(claim) ? claim : [claim]).includes(workspace)) throw new JwtRefused('wrong_workspace')
}

interface Reading {
  readonly digest: string
  readonly tolerance: number
  readonly scopes: Caller['scopes']
}

/** Judges the claims that jose leaves to us. `exp` is present and a number by now. */
function callerOf(payload: Jose.JWTPayload, { digest, tolerance, scopes }: Reading): Caller {
  const { exp = NaN, iat, iss, sub } = payload
  const now = Date.now() / 1000
  if (!(exp - now <= LIFETIME_MAXIMUM_S)) throw new JwtRefused('lifetime_too_long')
  if (iat !== undefined && !(iat <= now + tolerance)) throw new JwtRefused('not_yet_valid')
  // A subject keeps its identity when its token is renewed, so that limits and cancellation follow it.
  const identity = typeof sub === 'string' ? ['sub', iss, sub] : ['token', digest]
  return {
    id: `jwt:${hash('sha256', JSON.stringify(identity), 'hex').slice(0, 32)}`,
    scopes,
    expiresAt: exp * 1000,
  }
}

/** Claims in which other identity providers put the rights that `scope` has here (RFC 8693 4.2). */
const SCOPES_ELSEWHERE = ['scp', 'scopes', 'permissions']

/**
 * Returns the scopes. A token without `scope` allows everything, unless the configuration requires the claim. A token
 * with its rights in another claim was meant to be narrow, so it is refused rather than allowed everything. Words that
 * we do not know allow nothing.
 */
function scopesOf(payload: Jose.JWTPayload, required: boolean): Caller['scopes'] {
  const claim = payload['scope']
  if (claim === undefined) {
    if (SCOPES_ELSEWHERE.some((name) => Object.hasOwn(payload, name))) throw new JwtRefused('scope_elsewhere')
    if (required) throw new JwtRefused('missing_scope')
    return 'all'
  }
  if (typeof claim !== 'string') throw new JwtRefused('bad_scope')
  return new Set(claim.split(' ').filter(isScope))
}

function isScope(word: string): word is Scope {
  return SCOPES.has(word)
}

function reasonOf(jose: Jose, error: unknown): string {
  const { errors } = jose
  if (error instanceof JwtRefused) return error.message
  if (error instanceof KeysUnavailable) return 'keys_unavailable'
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JWTClaimValidationFailed) return reasonOfClaim(error)
  if (error instanceof errors.JOSEAlgNotAllowed) return 'wrong_algorithm'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'wrong_signature'
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown_key'
  // A JWS that jose cannot read, or a key that it cannot use (a short RSA key is a plain TypeError).
  return error instanceof errors.JOSEError ? 'malformed' : 'unusable_key'
}

function reasonOfClaim(error: Jose.errors.JWTClaimValidationFailed): string {
  if (error.reason === 'missing') return `missing_${error.claim}`
  if (error.claim === 'nbf' && error.reason === 'check_failed') return 'not_yet_valid'
  if (error.claim === 'aud') return 'wrong_audience'
  return error.claim === 'iss' ? 'wrong_issuer' : `bad_${error.claim}`
}
