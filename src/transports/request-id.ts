// The name of one request in its reply and in the log. Unique, not secret: eight random bytes of this process
// and a count. Read from the kernel rather than from node:crypto, whose loading is an eighth of a start.

import { closeSync, openSync, readSync } from 'node:fs'

let prefix: string | undefined
let count = 0

/** Such as "9f0c63d2a1b4e577-1c": unique among processes and within this one. */
export function newRequestId(): string {
  prefix ??= randomPrefix()
  return `${prefix}-${(++count).toString(36)}`
}

function randomPrefix(): string {
  const bytes = Buffer.alloc(8)
  const source = openSync('/dev/urandom', 'r')
  readSync(source, bytes)
  closeSync(source)
  return bytes.toString('hex')
}
