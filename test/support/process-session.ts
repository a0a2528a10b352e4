// Which processes a session of the kernel has.

import { readdirSync, readFileSync } from 'node:fs'

/** Processes of a session that live, its leader among them. */
export function membersOf(session: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const fields = readFileSync(`/proc/${Number(name)}/stat`, 'latin1')
        .replace(/^.*\) /, '')
        .split(' ')
      return Number(fields[3]) === session && fields[0] !== 'Z' ? [Number(name)] : []
    } catch {
      return []
    }
  })
}
