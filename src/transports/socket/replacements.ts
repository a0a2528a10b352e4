// Decides if a new client in replace mode may close the older sockets of its credential. A client that reconnects wants
// its stale socket closed. Two clients that both reconnect, as the SDK does by default, would close each other without
// end. So a client that comes within 10 s of the last replacement, or would be the third within 30 s, closes no socket;
// nor does any later one until the credential has no socket in replace mode. Pure: the caller has the clock.

/** Milliseconds within which a replaced client that reconnects is back. */
export const COMES_BACK_MS = 10_000
/** Milliseconds within which the third replacement of one credential is one too many. */
export const SEVERAL_MS = 30_000
const SEVERAL = 3

export class Replacements {
  /** Times of replacements by credential, newest last, while sockets are in replace mode; undefined: it shares now. */
  readonly #times = new Map<string, readonly number[] | undefined>()

  /** Returns true, and counts a replacement, if the older sockets must close. `now` in milliseconds. */
  take(credential: string, now: number): boolean {
    if (this.#times.has(credential) && this.#times.get(credential) === undefined) return false
    const recent = (this.#times.get(credential) ?? []).filter((time) => now - time < SEVERAL_MS)
    const last = recent.at(-1)
    const shares = (last !== undefined && now - last < COMES_BACK_MS) || recent.length >= SEVERAL - 1
    this.#times.set(credential, shares ? undefined : [...recent, now])
    return !shares
  }

  /** Forgets a credential that has no socket in replace mode any more. */
  forget(credential: string): void {
    this.#times.delete(credential)
  }
}
