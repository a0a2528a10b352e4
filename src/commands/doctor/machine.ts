// Checks of what the system allows, and of its clock.

import { statSync } from 'node:fs'
import { errnoOf } from '../../base/fault.ts'
import { closeDescriptor, openInotify } from '../../native/inotify.ts'
import { descriptorLimit, inotifyLimits } from '../../workspace/machine.ts'
import { fail, ok, warn, type Check, type Finding } from './finding.ts'

export const machineChecks: readonly Check[] = [
  { what: 'open files', look: filesFinding },
  { what: 'clock', look: () => clockFinding(Date.now(), installedAt()) },
]

/** Asks through the native library. */
export const watchingCheck: Check = { what: 'inotify', look: inotifyFinding }

/** A thousand sockets and fifty commands with three pipes each; systemd's own default is 524,288. */
const FILES_WANTED = 4096

function filesFinding(): Finding {
  const limit = descriptorLimit()
  if (limit === undefined) return ok('open files', 'the limit is not known here')
  const says = `${limit} may be open`
  if (limit >= FILES_WANTED) return ok('open files', says)
  return warn('open files', says, `raise it to ${FILES_WANTED} or more: ulimit -n, or LimitNOFILE= in a unit`)
}

function inotifyFinding(): Finding {
  const limits = inotifyLimits()
  const low = limits.filter(({ value, wanted }) => value < wanted)
  try {
    closeDescriptor(openInotify())
  } catch (error) {
    const why = errnoOf(error) ?? String(error)
    const todo = 'end some watching program, or raise it: sysctl -w fs.inotify.max_user_instances=1024'
    return warn('inotify', `nothing can be watched now: ${why}`, todo)
  }
  const says = (some: typeof limits): string => some.map(({ sysctl, value }) => `${sysctl} ${value}`).join(', ')
  if (low.length === 0) return ok('inotify', limits.length === 0 ? 'works' : says(limits))
  const todo = low.map(({ sysctl, wanted }) => `sysctl -w ${sysctl}=${wanted}`).join(' && ')
  return warn('inotify', `${says(low)}: large trees cannot be watched`, todo)
}

/** When this was written. No machine that runs it has an earlier date. */
const WRITTEN = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000

/** Exported for its test. */
export function clockFinding(now: number, installed: number): Finding {
  const date = new Date(now).toISOString().slice(0, 19)
  const todo = 'set the clock (timedatectl set-ntp true): credentials that expire are judged by it'
  if (now < WRITTEN) return fail('clock', `it is ${date}, which is before this program was written`, todo)
  if (now < installed - DAY_MS) return fail('clock', `it is ${date}, which is before this program was installed`, todo)
  return ok('clock', `${date} UTC`)
}

function installedAt(): number {
  return statSync(process.execPath).ctimeMs
}
