// State of the server between a question to the client and the next try, kept by the client itself: encrypted and
// authenticated, bound to the caller and to the call, and expired after some minutes (2026-07-28, multi round-trip
// requests). The key lives as long as the daemon.

import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { freshRandom } from '../../../base/fresh-random.ts'
import { LongText } from '../../../base/long-text.ts'

/** Life of a state, in ms: long enough for a person to decide. */
export const STATE_TTL_MS = 600_000
const KEY_BYTES = 32
/** Bytes new for each state: machines resumed from one snapshot share the key, and must never share these (C-05). */
const IV_BYTES = 12
const TAG_BYTES = 16
/** Longest state that is opened, in characters. */
const LONGEST = 64 * 1024

export interface Seal {
  close(state: object, binding: string): string
  /** Returns undefined if the state is not ours, was changed, has expired, or belongs to another caller or call. */
  open(sealed: string, binding: string): object | undefined
}

/** Returns a seal. `now` in ms since the epoch. */
export function openSeal(now: () => number = Date.now): Seal {
  let key: Buffer | undefined
  const secret = (): Buffer => (key ??= freshRandom(KEY_BYTES))
  return {
    close(state, binding) {
      const iv = freshRandom(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', secret(), iv).setAAD(Buffer.from(binding))
      const text = JSON.stringify({ until: now() + STATE_TTL_MS, state })
      const bytes = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), bytes]).toString('base64url')
    },
    open(sealed, binding) {
      // The check is strict, because Buffer skips characters that are not base64url.
      if (sealed.length > LONGEST || !/^[\w-]+$/.test(sealed)) return undefined
      const bytes = Buffer.from(sealed, 'base64url')
      if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString('base64url') !== sealed) return undefined
      const iv = bytes.subarray(0, IV_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', secret(), iv)
        .setAAD(Buffer.from(binding))
        .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
      try {
        const text = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
        const { until, state } = JSON.parse(text) as { until: number; state: object } // authentic, so as closed above
        return now() <= until ? state : undefined
      } catch {
        return undefined // final() found that it is not authentic
      }
    },
  }
}

/** Returns a name for one call of one caller; undefined if the parameters are nested too deep. */
export function bindingOf(callerId: string, method: string, called: unknown): string | undefined {
  const text = canonical(called, 0)
  if (text === undefined) return undefined
  return createHash('sha256')
    .update(JSON.stringify([callerId, method]))
    .update(text)
    .digest('base64url')
}

const DEEPEST = 64

/** Returns JSON with sorted keys: a client may write the same arguments in another order. */
function canonical(value: unknown, depth: number): string | undefined {
  if (depth > DEEPEST) return undefined
  if (value instanceof LongText) return createHash('sha256').update(value.bytes).digest('base64url')
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const parts: string[] = []
  const entries = Object.entries(value)
  for (const [key, item] of Array.isArray(value) ? entries : entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const text = canonical(item, depth + 1)
    if (text === undefined) return undefined
    parts.push(`${JSON.stringify(key)}:${text}`)
  }
  return Array.isArray(value) ? `[${parts.join()}]` : `{${parts.join()}}`
}
