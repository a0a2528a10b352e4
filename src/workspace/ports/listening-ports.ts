// The TCP ports that something listens on in the daemon's own network namespace, with the process behind each.
// The tables may hold a hundred thousand connections besides: they are read in pieces and only what listens is kept.

import { open } from 'node:fs/promises'
import { faultOfExhaustion } from '../../base/fault.ts'
import { findHolders, type Holder } from './holders.ts'
import { parseSocketLine, type ListeningSocket } from './socket-table.ts'

/** `uid` is that of whoever made the socket; the holder is missing where it may not be seen. */
export type ListeningPort = Omit<ListeningSocket, 'inode'> & Partial<Holder> & { readonly own?: true }

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/** There are no more ports, and few addresses. */
const MOST_SOCKETS = 65_536

export async function listeningPorts(signal: AbortSignal): Promise<ListeningPort[]> {
  const sockets: ListeningSocket[] = []
  for (const table of TABLES) await readTable(table, sockets, signal)
  const holders = await findHolders(new Set(sockets.map(({ inode }) => inode)), signal)
  return merged(sockets, holders)
}

async function readTable(path: string, sockets: ListeningSocket[], signal: AbortSignal): Promise<void> {
  let handle
  try {
    handle = await open(path)
  } catch (error) {
    const exhausted = faultOfExhaustion(error)
    if (exhausted !== undefined) throw exhausted
    return // no such family, or no /proc
  }
  await using _ = handle
  for await (const line of handle.readLines()) {
    signal.throwIfAborted()
    const socket = parseSocketLine(line)
    if (socket !== undefined && sockets.length < MOST_SOCKETS) sockets.push(socket)
  }
}

/** By port, then address. Several sockets of one address (SO_REUSEPORT) are one entry: that of the lowest process. */
export function merged(sockets: readonly ListeningSocket[], holders: ReadonlyMap<string, Holder>): ListeningPort[] {
  const byAddress = new Map<string, ListeningPort>()
  for (const { inode, ...socket } of sockets) {
    const holder = holders.get(inode)
    const key = `${socket.address} ${socket.port}`
    const known = byAddress.get(key)
    if (known !== undefined && (known.pid ?? Infinity) <= (holder?.pid ?? Infinity)) continue
    byAddress.set(key, { ...socket, ...holder, ...(holder?.pid === process.pid && { own: true as const }) })
  }
  return [...byAddress.values()].toSorted((a, b) => a.port - b.port || (a.address < b.address ? -1 : 1))
}
