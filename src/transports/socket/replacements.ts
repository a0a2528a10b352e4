// May a newcomer in replace mode close the older sockets of its credential? A client that reconnects wants its stale
// socket gone. Two clients that both reconnect, as the SDK does by default, would close each other for ever: a
// newcomer that comes within 10 s of the last replacement, or would be the third within 30 s, closes no socket, and
// neither does any after it until the credential has no socket in replace mode left. Pure: the caller has the clock.

/** A client that was replaced comes back in less than this. */
export const COMES_BACK_MS = 10_000
/** So many replacements of one credential within this time are one too many. */
export const SEVERAL_MS = 30_000
const SEVERAL = 3

export class Replacements {
  /** By credential, while it has sockets in replace mode: when it replaced, newest last; undefined: it shares now. */
  readonly #times = new Map<string, readonly number[] | undefined>()

  /** True where the older sockets have to go; it counts as a replacement then. `now` in milliseconds. */
  take(credential: string, now: number): boolean {
    if (this.#times.has(credential) && this.#times.get(credential) === undefined) return false
    const recent = (this.#times.get(credential) ?? []).filter((time) => now - time < SEVERAL_MS)
    const last = recent.at(-1)
    const shares = (last !== undefined && now - last < COMES_BACK_MS) || recent.length >= SEVERAL - 1
    this.#times.set(credential, shares ? undefined : [...recent, now])
    return !shares
  }

  /** The credential has no socket in replace mode any more. */
  forget(credential: string): void {
    this.#times.delete(credential)
  }
}
