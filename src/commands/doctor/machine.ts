// Checks of the machine's limits: open files, inotify, the clock, and the port of the daemon.

import { statSync } from 'node:fs'
import { createServer } from 'node:net'
import { errnoOf } from '../../base/fault.ts'
import { closeDescriptor, openInotify } from '../../native/inotify.ts'
import { INOTIFY } from '../../workspace/conditions.ts'
import { descriptorLimit, inotifyLimits } from '../../workspace/machine.ts'
import { urlOf, type Address, type Answering } from '../status.ts'
import { fail, found, ok, warn, type Check, type Finding } from './finding.ts'

export const machineChecks: readonly Check[] = [
  { what: 'open files', look: filesFinding },
  { what: 'clock', look: () => clockFinding(Date.now(), installedAt()) },
]

/** Calls the native library, so it runs only if that is in place. */
export const watchingCheck: Check = { what: 'inotify', look: inotifyFinding }

/** Open files for a thousand sockets and fifty commands with three pipes each; systemd's default is 524,288. */
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
  return found('inotify', INOTIFY, `${says(low)}: large trees cannot be watched`, todo)
}

/** A date before this program was written: the clock of a machine that runs it cannot be earlier. */
const WRITTEN = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000

/** Judges the clock. Exported for its test. */
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

/** Checks that the port is free, or held by the daemon that this configuration means. */
export function portCheck(address: Address, answer: Answering): Check {
  return { what: 'port', look: () => portFinding(address, answer) }
}

async function portFinding(address: Address, answer: Answering): Promise<Finding> {
  if (address.port === 0) return ok('port', 'any free one')
  const url = urlOf(address)
  const todo = 'choose another with --port, or end what holds it (ss -ltnp)'
  if (answer.kind === 'ours') return ok('port', `${url} is served by this daemon (process ${answer.detail.pid})`)
  if (answer.kind === 'other') return fail('port', `${url} is served by another program`, todo)
  if (answer.kind === 'stranger') {
    return warn('port', `${url} is served by a workspace runtime that does not know this token`, todo)
  }
  const refused = await unbindable(address)
  if (refused === undefined) return ok('port', `${url} is free`)
  const what: Readonly<Record<string, string>> = {
    EADDRINUSE: 'is held by a program that does not answer',
    EACCES: 'may not be used by this user',
    EADDRNOTAVAIL: 'is no address of this machine',
  }
  const why = what[refused] ?? `cannot be listened on: ${refused}`
  return fail('port', `${url} ${why}`, refused === 'EADDRNOTAVAIL' ? 'change --host' : todo)
}

async function unbindable({ host, port }: Address): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const server = createServer()
  server.once('error', (error) => resolve(errnoOf(error) ?? error.message))
  server.listen(port, host, () => server.close(() => resolve(undefined)))
  return await promise
}
