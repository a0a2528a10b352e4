// The system's limits on watching, as errors: which errno means which sysctl (inotify(7)), in words that say
// what to do (W-05).

import { readFileSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'

export class LimitReached extends Fault {
  constructor(sysctl: string, what: string) {
    const current = valueOf(sysctl)
    const now = current === undefined ? '' : ` (now ${current})`
    super('unavailable', `${what}: the system's limit fs.inotify.${sysctl}${now} is used up; raise it with sysctl`, {
      details: {
        reason: 'watch_limit',
        sysctl: `fs.inotify.${sysctl}`,
        ...(current ? { limit: Number(current) } : {}),
      },
      retryAfter: 5,
    })
  }
}

/** The limit that `errno` of adding a watch means, or undefined. */
export function watchLimit(errno: string, path: string): LimitReached | undefined {
  return errno === 'ENOSPC' || errno === 'ENOMEM'
    ? new LimitReached('max_user_watches', `${path} cannot be watched`)
    : undefined
}

/** Of opening an inotify descriptor. */
export function instanceLimit(errno: string | undefined): LimitReached | undefined {
  return errno === 'EMFILE' || errno === 'ENFILE'
    ? new LimitReached('max_user_instances', 'no further tree can be watched')
    : undefined
}

function valueOf(sysctl: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/fs/inotify/${sysctl}`, 'utf8').trim()
  } catch {
    return undefined
  }
}
