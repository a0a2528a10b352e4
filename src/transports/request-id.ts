// The name of one request in its reply and in the log. Unique, not secret: eight random bytes and a count. The
// bytes are new for each request, so that machines resumed from one snapshot name theirs differently (C-05).
// A request is never refused for its name: without randomness the time has to do.

import { freshRandom } from '../base/fresh-random.ts'

const RANDOM_BYTES = 8
let count = 0

/** Such as "9f0c63d2a1b4e577-1c". */
export function newRequestId(): string {
  return `${unique()}-${(++count).toString(36)}`
}

function unique(): string {
  try {
    return freshRandom(RANDOM_BYTES).toString('hex')
  } catch {
    return process.hrtime
      .bigint()
      .toString(16)
      .padStart(2 * RANDOM_BYTES, '0')
  }
}
