// Decides which caller sends a request (guarantees.md#who-may-call-a): exactly one Authorization header with a Bearer
// token, on /ws a token in the query as well, and every credential presented must be valid. The raw token and JWTs seen
// lately are judged synchronously. Every other JWT is verified first, and failures alone are counted per address: an
// address that many clients share (a gateway, loopback) may send any number of wrong tokens, and a valid one still
// passes. A verdict names its reason for the log and never holds text of a credential.

import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Caller } from '../../caller.ts'
import { StartError } from '../../base/signals.ts'
import { valuesOf } from '../request-head.ts'
import { openFailedAttempts, type FailedAttempts } from './failed-attempts.ts'
import { openJwtVerifier, type JwtOptions, type JwtVerifier } from './jwt.ts'

export type { Caller } from '../../caller.ts'
export type { JwtOptions } from './jwt.ts'

export type Verdict =
  | { readonly ok: true; readonly caller: Caller }
  | {
      readonly ok: false
      readonly status: 400 | 401 | 429
      /** Reason, for the log only. */
      readonly reason: string
      /** Seconds of Retry-After, with 429. */
      readonly retryAfter?: number
      /** True if a bearer token was presented and is not valid: WWW-Authenticate gets error="invalid_token". */
      readonly sentInvalid: boolean
    }

export interface Credentials extends AsyncDisposable {
  /** Judges a request. `queryToken`: the decoded `?token=`, if the route reads it (protocol.md#auth). */
  judge(request: IncomingMessage, options: { readonly queryToken: string | undefined }): Verdict | Promise<Verdict>
  /**
   * Takes another raw token. The old one is refused from now on; its caller's `revoked` tells the owners of open
   * connections. Returns false if it is the same token, or if none was configured.
   */
  replaceToken(token: string): boolean
}

export interface CredentialOptions {
  readonly token: string | undefined
  readonly jwt: JwtOptions | undefined
  /** Failures a second for each remote address; 0: no limit. */
  readonly failedAuthPerSecond: number
}

/** Bytes of a candidate at most; longer ones are refused before any hashing. */
const CANDIDATE_LIMIT = 16 * 1024

/** One raw token, from its configuration to its withdrawal. */
interface RawToken {
  readonly matches: (digest: string) => boolean
  readonly caller: Caller
  /** Verdict for all its requests: one object. */
  readonly verdict: Verdict
  readonly revoke: () => void
}

function openRawToken(token: string): RawToken {
  const end = new AbortController()
  // The next token has the same id: limits and tasks go on.
  const caller: Caller = Object.freeze({ id: 'token', scopes: 'all', expiresAt: undefined, revoked: end.signal })
  const verdict: Verdict = Object.freeze({ ok: true, caller })
  return { matches: rawTokenCheck(token), caller, verdict, revoke: () => end.abort() }
}

export async function openCredentials(options: CredentialOptions): Promise<Credentials> {
  const { token, jwt, failedAuthPerSecond } = options
  if (token === undefined && jwt === undefined)
    throw new StartError('no credential is configured: no client could call')
  const verifier = jwt === undefined ? undefined : await openJwtVerifier(jwt)
  let raw = token === undefined ? undefined : openRawToken(token)
  const judge = openJudge(() => raw, verifier, openFailedAttempts(failedAuthPerSecond))
  return {
    judge,
    replaceToken(next) {
      if (raw === undefined || raw.matches(digestOf(next))) return false
      const before = raw
      raw = openRawToken(next)
      before.revoke()
      return true
    },
    async [Symbol.asyncDispose]() {
      await verifier?.[Symbol.asyncDispose]()
    },
  }
}

/** Compares digests of equal length in constant time; the token itself is not kept. */
export function rawTokenCheck(token: string): (digest: string) => boolean {
  let expected: Buffer | undefined // made at the first question: a start needs no cryptography
  return (digest) =>
    timingSafeEqual(Buffer.from(digest, 'latin1'), (expected ??= Buffer.from(digestOf(token), 'latin1')))
}

/** Returns the SHA-256 in hexadecimal: text costs half of what bytes cost, which need separate memory. */
export function digestOf(candidate: string): string {
  return hash('sha256', candidate, 'hex')
}

type Rejection = Omit<Extract<Verdict, { ok: false }>, 'ok'>

const NOTHING_PRESENTED: Rejection = { status: 401, reason: 'no_credential', sentInvalid: false }
const TWO_HEADERS: Rejection = { status: 400, reason: 'two_authorization_headers', sentInvalid: false }
/** Refusal of another scheme, or of none; RFC 6750 3.1 keeps error="invalid_token" for bearer tokens. */
const NOT_BEARER: Rejection = { status: 401, reason: 'not_one_bearer_token', sentInvalid: false }
const TOO_LONG: Rejection = { status: 401, reason: 'token_too_long', sentInvalid: true }
const UNKNOWN_TOKEN: Rejection = { status: 401, reason: 'unknown_token', sentInvalid: true }

interface Candidate {
  readonly token: string
  /** SHA-256 as a map key. */
  readonly digest: string
  readonly caller: Caller | undefined
}

function openJudge(
  rawToken: () => RawToken | undefined,
  jwt: JwtVerifier | undefined,
  attempts: FailedAttempts,
): Credentials['judge'] {
  /** Counts a failure of this address; an address with too many gets only that answer. */
  const refuse = (refusal: Rejection, address: string): Verdict => {
    const wait = attempts.count(address)
    return wait === 0 ? { ok: false, ...refusal } : throttled(wait)
  }
  const verify = async (candidates: readonly Candidate[], verifier: JwtVerifier, address: string): Promise<Verdict> => {
    const callers: Caller[] = []
    for (const { token, digest, caller } of candidates) {
      const answer = caller === undefined ? await verifier.verify(token, digest) : { caller }
      if ('reason' in answer) return refuse({ status: 401, reason: `jwt_${answer.reason}`, sentInvalid: true }, address)
      callers.push(answer.caller)
    }
    // The raw token may have been changed while the other credential was verified.
    if (callers.some(({ revoked }) => revoked?.aborted)) return refuse(UNKNOWN_TOKEN, address)
    return verdictOf(callers[0], rawToken())
  }
  return (request, { queryToken }) => {
    const presented = presentedBy(request.rawHeaders, queryToken)
    if (presented === NOTHING_PRESENTED) return { ok: false, ...NOTHING_PRESENTED }
    const address = request.socket.remoteAddress ?? ''
    if ('status' in presented) return refuse(presented, address)
    const raw = rawToken()
    const candidates = presented.map((token) => recognise(token, raw, jwt))
    const unknown = candidates.filter(({ caller }) => caller === undefined)
    if (unknown.length === 0) return verdictOf(candidates[0]?.caller, raw)
    if (jwt === undefined || !unknown.every(({ token }) => hasJwtForm(token))) return refuse(UNKNOWN_TOKEN, address)
    return verify(candidates, jwt, address)
  }
}

function recognise(token: string, raw: RawToken | undefined, jwt: JwtVerifier | undefined): Candidate {
  const digest = digestOf(token)
  if (raw?.matches(digest) === true) return { token, digest, caller: raw.caller }
  return { token, digest, caller: jwt?.recall(digest) }
}

/** Returns the verdict for valid credentials: the header's caller comes first and counts. */
function verdictOf(first: Caller | undefined, raw: RawToken | undefined): Verdict {
  if (first === undefined) return { ok: false, ...NOTHING_PRESENTED }
  return first === raw?.caller ? raw.verdict : { ok: true, caller: first }
}

function throttled(retryAfter: number): Verdict {
  return { ok: false, status: 429, reason: 'too_many_failures', retryAfter, sentInvalid: false }
}

/** Returns the bearer tokens of a request, the header's first, or the reason to refuse it unread. */
function presentedBy(rawHeaders: readonly string[], queryToken: string | undefined): readonly string[] | Rejection {
  // Node keeps the first of several Authorization headers, so only the raw headers show them all.
  const [header, second] = valuesOf(rawHeaders, 'authorization')
  if (second !== undefined) return TWO_HEADERS
  if (header === undefined && queryToken === undefined) return NOTHING_PRESENTED
  const bearer = header === undefined ? undefined : bearerOf(header)
  if (header !== undefined && bearer === undefined) return NOT_BEARER
  const tokens = [bearer, queryToken].filter((token) => token !== undefined)
  return tokens.some((token) => token.length > CANDIDATE_LIMIT) ? TOO_LONG : tokens
}

/** Returns the token of `Bearer <token>`; undefined for another scheme, a missing token or a list. */
export function bearerOf(header: string): string | undefined {
  return /^bearer +([^ ]+) *$/i.exec(header)?.[1]
}

/**
 * True for three base64url parts, none empty: false for an unsigned token (`a.b.`) and an encrypted one (five parts).
 */
function hasJwtForm(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)
}
