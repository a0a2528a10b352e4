// The daemon's side of the service manager that started it, from the environment that the manager gave: the socket to
// listen on, the notices of readiness and stopping, signs of life, and the control group. Without a manager none of
// them does anything.

import type { Log } from '../base/log.ts'
import { enterDelegatedGroup, type DelegatedGroup } from './cgroup.ts'
import { openWatchdog, watchdogPeriod } from './watchdog.ts'
import { socketTraits, openDatagramSender, unixAddress, type DatagramSender } from '../native/socket.ts'
import { StartError } from '../base/signals.ts'

export interface Service extends Disposable {
  /** Descriptor of the listening socket that the manager handed over. */
  readonly listener: number | undefined
  /** Control groups of daemon and children. */
  readonly groups: DelegatedGroup | undefined
  /** Tells that every listener is open. Signs of life begin. */
  ready(status: string): void
  /** Tells that the daemon stops, within this many milliseconds at most. */
  stopping(withinMs: number): void
}

/** Time that is added to what the daemon asks of the manager (in µs). */
const SPARE_MS = 1000

/** Throws StartError if the socket that was handed over cannot be used. */
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

/** Divides the group; one log line says which limits hold, or why there are none. */
function dividedGroup(pid: number, log: Log): DelegatedGroup | undefined {
  const group = enterDelegatedGroup(pid)
  if (typeof group === 'string') log.warn('commands share the control group of the daemon', { reason: group })
  if (group === undefined || typeof group === 'string') return undefined
  const { work, controllers, missing } = group
  const left = missing.length === 0 ? {} : { missing: missing.join(', ') }
  log.info('commands have a control group', { group: work, controllers: controllers.join(' ') || 'none', ...left })
  return group
}

/** True if a manager runs us as a unit: only then does reading a group's marks justify loading the native library. */
function managed(environment: Readonly<Record<string, string>>): boolean {
  return environment['INVOCATION_ID'] !== undefined || environment['NOTIFY_SOCKET'] !== undefined
}

/**
 * The first descriptor that the manager hands over (sd_listen_fds(3)). It listens already, so connections wait while
 * the daemon is restarted and no other program can take the port (C-03).
 */
const FIRST = 3

/** Returns the descriptor to listen on; undefined: none is meant for this process. Throws if it cannot be used. */
function inheritedListener(environment: Readonly<Record<string, string>>, pid: number): number | undefined {
  const { LISTEN_PID: owner, LISTEN_FDS: count = '' } = environment
  if (owner !== String(pid)) return undefined
  if (count !== '1') {
    throw new StartError(
      `the service manager hands over ${JSON.stringify(count.slice(0, 20))} sockets (LISTEN_FDS); exactly 1 is accepted: give the socket unit one ListenStream`,
    )
  }
  const traits = socketTraits(FIRST)
  const wrong = (what: string) =>
    new StartError(
      `the socket handed over by the service manager (descriptor ${FIRST}) is ${what}; accepted is a TCP socket that listens: ListenStream=PORT and Accept=no`,
    )
  if (traits === undefined) throw wrong('no socket')
  if (!traits.internet) throw wrong('of another kind than TCP')
  if (!traits.stream) throw wrong('not a stream')
  if (!traits.listening) throw wrong('not listening')
  return FIRST
}

/**
 * Notices to the service manager (sd_notify(3)), each a datagram to the socket that NOTIFY_SOCKET names. Node cannot
 * send one, libc can. Sending never waits; a notice that the manager cannot take now is sent again later, in order,
 * except for signs of life, which the next one replaces.
 */
interface Notices extends Disposable {
  /** Sends assignments such as READY=1 as one message, again and again until the manager takes it. */
  tell(...assignments: readonly string[]): void
  /** Sends WATCHDOG=1, once. */
  alive(): void
}

const RETRY_MS = 100
/** Most notices that wait: readiness and stopping are sent once each, so if more wait, the manager does not read. */
const MOST_WAITING = 8

/** Opens the notices; without a manager none is sent. `failed` is called once, with the reason of a failure. */
export function openNotices(name: string | undefined, failed: (reason: string) => void): Notices {
  if (name === undefined || name === '') return { tell: () => {}, alive: () => {}, [Symbol.dispose]: () => {} }
  const address = unixAddress(name)
  if (address !== undefined) return new OpenNotices(openDatagramSender(address), failed)
  failed('NOTIFY_SOCKET names neither a path nor an abstract socket')
  return { tell: () => {}, alive: () => {}, [Symbol.dispose]: () => {} }
}

class OpenNotices implements Notices {
  readonly #sender: DatagramSender
  readonly #failed: (reason: string) => void
  readonly #waiting: string[] = []
  #retry: NodeJS.Timeout | undefined
  #complained = false

  constructor(sender: DatagramSender, failed: (reason: string) => void) {
    this.#sender = sender
    this.#failed = failed
  }

  tell(...assignments: readonly string[]): void {
    if (this.#waiting.length === MOST_WAITING) this.#waiting.shift()
    this.#waiting.push(assignments.map((one) => one.replaceAll('\n', ' ')).join('\n'))
    this.#flush()
  }

  alive(): void {
    if (this.#waiting.length === 0) this.#send('WATCHDOG=1')
  }

  #flush(): void {
    clearTimeout(this.#retry)
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#send(next) === 'full') {
        this.#retry = setTimeout(() => this.#flush(), RETRY_MS)
        return
      }
      this.#waiting.shift()
    }
  }

  #send(text: string): string {
    const result = this.#sender.send(text)
    if (result !== 'sent' && result !== 'full' && !this.#complained) {
      this.#complained = true
      this.#failed(`the service manager cannot be told: ${result}`)
    }
    return result
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retry)
    this.#sender[Symbol.dispose]()
  }
}
