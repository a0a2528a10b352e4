// Clients that have closed their sending side and wait for an answer, and clients that have closed altogether: on the
// wire both are the same FIN until we write something. The first get their answer however long it takes; the second are
// found in the kernel's table of sockets, so that they hold nothing for long. A client on this machine is found within
// a second. One elsewhere is found when its kernel has forgotten the connection, which Linux does 60 s after the close
// (net.ipv4.tcp_fin_timeout), and answers our probe with a reset: 80 s in all.

import { readFile } from 'node:fs/promises'
import { isIPv4, type Socket } from 'node:net'

export interface HalfClosed extends Disposable {
  /** Watches a socket from the client's FIN on; destroys it once the client is known to be gone. */
  watch(socket: Socket): void
}

/** Time between two looks for the clients that are due, all by one reading of the table. */
const TICK_MS = 250
/** Time from one look at a client to the next. */
const AGAIN_MS = 5_000
/** Idle time after which the kernel probes the connection. */
const PROBE_MS = 10_000
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6']

export function openHalfClosed(): HalfClosed {
  const due = new Map<Socket, number>()
  let timer: NodeJS.Timeout | undefined

  const look = async (): Promise<void> => {
    const now = performance.now()
    const sockets = [...due].flatMap(([socket, at]) => (at <= now ? [socket] : []))
    for (const socket of sockets) due.set(socket, now + AGAIN_MS)
    const ends = sockets.length === 0 ? undefined : await readTable()
    if (ends !== undefined) for (const socket of sockets) if (isGone(socket, ends)) socket.destroy()
  }
  const forget = (socket: Socket): void => {
    due.delete(socket)
    if (due.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  return {
    watch(socket) {
      if (socket.destroyed) return
      due.set(socket, performance.now())
      socket.setKeepAlive(true, PROBE_MS)
      socket.once('close', () => forget(socket))
      timer ??= setInterval(() => void look(), TICK_MS).unref()
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** State of each TCP socket by its two ends; true if a process still has it. */
type TcpTable = ReadonlyMap<string, boolean>

/** Resolves to undefined where the kernel has no table. */
async function readTable(): Promise<TcpTable | undefined> {
  const texts = await Promise.all(TABLES.map((path) => readFile(path, 'latin1').catch(() => '')))
  return texts[0] === '' ? undefined : parseTable(texts.join('\n'))
}

/** Reads fields 2, 3 and 10 of each line (proc_pid_net(5)); the inode is 0 where no process has the socket. */
export function parseTable(table: string): TcpTable {
  const ends = new Map<string, boolean>()
  for (const line of table.split('\n')) {
    const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/)
    if (inode !== undefined && local?.includes(':') === true) ends.set(`${local} ${remote}`, inode !== '0')
  }
  return ends
}

/** True if our end was reset, or if the client's end is on this machine and no process has it. */
function isGone(
  { localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 }: Socket,
  ends: TcpTable,
): boolean {
  const ours = endsOf(localAddress, localPort)
  const theirs = endsOf(remoteAddress, remotePort)
  const owned = (from: readonly string[], to: readonly string[]): boolean | undefined =>
    from.flatMap((one) => to.map((other) => ends.get(`${one} ${other}`))).find((has) => has !== undefined)
  if (owned(ours, theirs) === undefined) return true
  return owned(theirs, ours) === false
}

/** Returns the forms in which the table may write an address and a port: an IPv4 address also as IPv6. */
export function endsOf(address: string, port: number): readonly string[] {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*/, '')
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  if (isIPv4(plain)) {
    const short = wordsOf(plain.split('.').map(Number))
    return [short + suffix, `0000000000000000FFFF0000${short}${suffix}`]
  }
  const [head = '', tail = ''] = plain.split('::')
  const [before, after] = [head, tail].map((part) => (part === '' ? [] : part.split(':')))
  const zeros = Array<string>(Math.max(0, 8 - (before?.length ?? 0) - (after?.length ?? 0))).fill('0')
  const groups = [...(before ?? []), ...zeros, ...(after ?? [])].map((group) => Number.parseInt(group, 16))
  return [wordsOf(groups.flatMap((group) => [group >> 8, group & 0xff])) + suffix]
}

/** Returns bytes in network order as words of four in the machine's order, in hexadecimal. */
function wordsOf(bytes: readonly number[]): string {
  const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')
  return Array.from({ length: bytes.length / 4 }, (_, word) =>
    bytes
      .slice(4 * word, 4 * word + 4)
      .toReversed()
      .map(hex)
      .join(''),
  ).join('')
}
