// Permission bits as the interface writes them: octal strings such as "0644" (protocol.md#files-write). Read from
// requests, written into replies.

import { Fault, quote } from '../../base/fault.ts'

/** The pattern of a mode in requests: three or four octal digits, with or without a further leading 0. */
export const MODE_PATTERN = '^0?[0-7]{3,4}$'

/** "0644", "644" or "04755" as a number; undefined stays undefined. */
export function readMode(text: string): number
export function readMode(text: string | undefined): number | undefined
export function readMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!new RegExp(MODE_PATTERN).test(text)) {
    throw new Fault('bad_request', `mode is ${quote(text)}; accepted are three or four octal digits such as "0644"`, {
      details: { field: 'mode', got: text },
    })
  }
  return Number.parseInt(text, 8)
}

/** The permission bits of `st_mode` in the form "0644". */
export function writeMode(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
