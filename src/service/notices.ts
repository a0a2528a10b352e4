// What the service manager is told (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names. Node
// cannot send one, libc can. Sending never waits; what the manager cannot take now is tried
// again, in order, except for signs of life, of which the next one is as good.

import { openDatagramSender, unixAddress, type DatagramSender } from '../native/socket.ts'

export interface Notices extends Disposable {
  /** Assignments such as READY=1, sent as one message and tried again until they are taken. */
  tell(...assignments: readonly string[]): void
  /** WATCHDOG=1, once. */
  alive(): void
}

const RETRY_MS = 100
/** Told are readiness and stopping, once each: more than a few waiting means that nobody reads. */
const MOST_WAITING = 8

/** Where there is no manager, nobody is told. `failed` hears, once, why nobody can be. */
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
