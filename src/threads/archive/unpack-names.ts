// Checks what a member may be called and a link may say, before anything is looked up: names stay below the destination
// by their spelling alone (protocol.md#archives, T-01). Byte strings, see unpack-header.ts.

import { memberFault } from './unpack-header.ts'

/** NAME_MAX and PATH_MAX less the final NUL. */
const NAME_BYTES = 255
const PATH_BYTES = 4095

/** Levels below the destination; node-tar has the same bound (T-03, F-19). */
export const MOST_LEVELS = 1024

/** A drive as Windows spells it. Such a name is from Windows and not meant for this system, or is a trick. */
const DRIVE = /^[A-Za-z]:(?:[\\/]|\.\.)/

/** Returns the parts of a member's name, none of them "." or ".."; empty: the destination itself is meant. */
export function memberParts(name: string): string[] {
  if (name === '') throw memberFault('has no name')
  if (name.includes('\0')) throw memberFault('has a NUL in its name')
  if (name.startsWith('/')) throw memberFault('has an absolute name; accepted are names relative to dest')
  if (DRIVE.test(name)) throw memberFault('has a name that begins with a drive; accepted are names relative to dest')
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw memberFault('has ".." in its name; accepted are names that stay below dest')
  if (parts.length > MOST_LEVELS) throw memberFault(`lies ${parts.length} levels deep; accepted are ${MOST_LEVELS}`)
  if (parts.some((part) => part.length > NAME_BYTES)) {
    throw memberFault(`has a part of its name that is longer than ${NAME_BYTES} bytes`)
  }
  if (parts.reduce((sum, part) => sum + part.length + 1, 0) > PATH_BYTES) {
    throw memberFault(`has a name longer than ${PATH_BYTES} bytes`)
  }
  return parts
}

interface LinkTarget {
  readonly absolute: boolean
  /** ".." is among them, "." is not. */
  readonly parts: readonly string[]
}

/** Returns the target of a symbolic link in parts. */
export function linkTarget(target: string): LinkTarget {
  if (target === '') throw memberFault('is a link without a target')
  if (target.includes('\0')) throw memberFault('has a NUL in its link target')
  if (target.length > PATH_BYTES) throw memberFault(`is a link with a target longer than ${PATH_BYTES} bytes`)
  return {
    absolute: target.startsWith('/'),
    parts: target.split('/').filter((part) => part !== '' && part !== '.'),
  }
}

/** Returns a byte string as text for people; bytes that are not UTF-8 become U+FFFD. */
export function readable(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
