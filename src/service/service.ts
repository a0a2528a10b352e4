// Everything between the daemon and the service manager that started it, from the environment it was given:
// the socket to listen on, the notices of readiness and stopping, signs of life, and the control group.
// Without a manager each of them is nothing.

import type { Log } from '../base/log.ts'
import { enterDelegatedGroup, type DelegatedGroup } from './cgroup.ts'
import { inheritedListener } from './listen-fds.ts'
import { openNotices } from './notices.ts'
import { openWatchdog, watchdogPeriod } from './watchdog.ts'

export interface Service extends Disposable {
  /** The descriptor of a listening socket that was handed over. */
  readonly listener: number | undefined
  /** The control groups of daemon and children. */
  readonly groups: DelegatedGroup | undefined
  /** Everything that is listened on is open. Signs of life begin. */
  ready(status: string): void
  /** From now on at most so many milliseconds. */
  stopping(withinMs: number): void
}

/** The manager's patience is asked for in µs, with a second to spare. */
const SPARE_MS = 1000

/** Throws StartError where what was handed over cannot be used. */
export function openService(environment: Readonly<Record<string, string>>, log: Log): Service {
  const { pid } = process
  const listener = inheritedListener(environment, pid)
  const notices = openNotices(environment['NOTIFY_SOCKET'], (reason) => log.warn(reason))
  const period = watchdogPeriod(environment, pid)
  const groups = managed(environment) ? dividedGroup(pid, log) : undefined
  let watchdog: Disposable | undefined
  return {
    listener,
    groups,
    ready(status) {
      notices.tell('READY=1', `STATUS=${status}`)
      if (period !== undefined) watchdog = openWatchdog({ periodMs: period, alive: () => notices.alive() })
    },
    stopping(withinMs) {
      notices.tell('STOPPING=1', 'STATUS=stopping', `EXTEND_TIMEOUT_USEC=${(withinMs + SPARE_MS) * 1000}`)
    },
    [Symbol.dispose]() {
      watchdog?.[Symbol.dispose]()
      notices[Symbol.dispose]()
    },
  }
}

/** One line says what was had, or why nothing was. */
function dividedGroup(pid: number, log: Log): DelegatedGroup | undefined {
  const group = enterDelegatedGroup(pid)
  if (typeof group === 'string') log.warn('commands share the control group of the daemon', { reason: group })
  if (group === undefined || typeof group === 'string') return undefined
  const { work, controllers, missing } = group
  const left = missing.length === 0 ? {} : { missing: missing.join(', ') }
  log.info('commands have a control group', { group: work, controllers: controllers.join(' ') || 'none', ...left })
  return group
}

/** Whether a manager runs us as a unit: only then is the native library worth loading for the marks of a group. */
function managed(environment: Readonly<Record<string, string>>): boolean {
  return environment['INVOCATION_ID'] !== undefined || environment['NOTIFY_SOCKET'] !== undefined
}
