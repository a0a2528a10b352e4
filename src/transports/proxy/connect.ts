// The way to an application: a connection to a loopback port, host and port given apart (L-06),
// each address tried in turn. One connection serves one exchange: nothing is kept that the application
// may have closed meanwhile, so no request fails for that (L-07).

import { connect, type Socket } from 'node:net'
import { errnoOf, Fault } from '../../base/fault.ts'
import type { Destination } from './target.ts'

/** How long a peer may be silent before the system asks whether it is still there. */
const KEEP_ALIVE_MS = 30_000

/** Throws bad_gateway where nothing listens, timeout where nobody accepts for `ms` in all. */
export async function connectTo(destination: Destination, ms: number, signal: AbortSignal): Promise<Socket> {
  const until = performance.now() + ms
  let refusal: unknown
  for (const host of destination.hosts) {
    try {
      return await connected(host, destination, { ms: until - performance.now(), signal })
    } catch (error) {
      if (error instanceof Fault) throw error
      refusal ??= error
    }
  }
  throw new Fault('bad_gateway', `nothing takes connections at ${destination.authority}: ${errnoOf(refusal) ?? ''}`, {
    details: { target: destination.authority, errno: errnoOf(refusal) },
    cause: refusal,
  })
}

async function connected(
  host: string,
  { port, authority }: Destination,
  wait: { ms: number; signal: AbortSignal },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Half-open: the end of one direction is passed on, it does not end the other.
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.on('error', reject) // stays for the connection's life (L-08)
  socket.once('connect', () => resolve())
  const left = (): void => reject(new Fault('unavailable', 'the client has left'))
  const late = (): void =>
    reject(new Fault('timeout', `${authority} does not accept the connection`, { details: { target: authority } }))
  const timer = setTimeout(late, wait.ms)
  wait.signal.addEventListener('abort', left)
  if (wait.signal.aborted) left()
  try {
    await promise
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    wait.signal.removeEventListener('abort', left)
  }
}

/** A client that went away without a word is noticed by the system's probes. */
export function keepAlive(socket: Socket): void {
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
}
