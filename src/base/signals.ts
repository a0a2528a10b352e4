// The signals of the process: SIGTERM and SIGINT end it, in order at the first and at once at the second, SIGHUP asks
// for the token to be read anew, and SIGUSR1 does nothing; and StartError, the reason not to start.

import { isatty } from 'node:tty'

/** Time in which a second Ctrl-C is the same one: npm passes it on within some 10 ms; no person is so fast. */
const SAME_CTRL_C_MS = 150

/** SIGHUP asks for the token to be read anew, unless it means that the terminal the daemon runs at has gone. */
export function nextSignal(reload: () => void): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))
  process.on('SIGTERM', () => resolve('SIGTERM'))
  process.on('SIGINT', () => resolve('SIGINT'))
  // By default Node opens an inspector, on whose port any local user can run code as us; npm start and the executable
  // have a flag against that too, which holds from the first moment on.
  process.on('SIGUSR1', () => {})
  process.on('SIGHUP', () => (terminals.every((descriptor) => isatty(descriptor)) ? reload() : resolve('SIGHUP')))
  return promise
}

/** Ends the process at a second signal. Under npm one Ctrl-C arrives twice: from the terminal, and passed on by npm. */
export function exitAtNextSignal(first: string): void {
  const heard = performance.now()
  process.once('SIGTERM', () => process.exit(1))
  process.on('SIGINT', () => {
    if (first !== 'SIGINT' || performance.now() - heard > SAME_CTRL_C_MS) process.exit(1)
  })
}

/**
 * A reason not to start, for the operator to change: main prints it as one line and exits with code 2
 * before anything listens (configuration.md).
 */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly exitCode = 2
}
