// The socket that the service manager holds for us (sd_listen_fds(3)): descriptor 3, already listening, so that
// connections wait while the daemon is restarted and nobody else can take the port (C-03).

import { socketTraits } from '../native/socket.ts'
import { StartError } from '../base/signals.ts'

/** The first descriptor that is handed over. */
const FIRST = 3

/** The descriptor to listen on; undefined where none is meant for this process. Throws where it is none to use. */
export function inheritedListener(environment: Readonly<Record<string, string>>, pid: number): number | undefined {
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
