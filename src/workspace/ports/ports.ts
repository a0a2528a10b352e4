// `listeningPorts(signal)` lists the TCP ports with a listening socket in the daemon's network namespace, and the
// process that holds each. The kernel's tables may hold a hundred thousand connections too: they are read line by line,
// and only listening sockets are kept. Holders are found through the descriptors in /proc: the main loop gets turns in
// between, and the search ends when all are found or at a deadline. Processes that end meanwhile, or may not be seen,
// are passed over.

import { open, readdir, readFile } from 'node:fs/promises'
import { faultOfExhaustion } from '../../base/fault.ts'
import { parseSocketLine, type ListeningSocket } from './socket-table.ts'
import { readlinkSync } from 'node:fs'
import { takeTurns } from '../../base/waiting.ts'

/** `uid` is the user who made the socket; the holder is missing if the daemon may not see it. */
export type ListeningPort = Omit<ListeningSocket, 'inode'> & Partial<SocketHolder> & { readonly own?: true }

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/** Sockets kept at most: as many as there are ports. */
const MOST_SOCKETS = 65_536

/** Resolves with the ports by number, then address. */
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

/**
 * Returns one entry for each address, by port, then address. Of several sockets of one address (SO_REUSEPORT) it is
 * that of the lowest process id.
 */
export function merged(
  sockets: readonly ListeningSocket[],
  holders: ReadonlyMap<string, SocketHolder>,
): ListeningPort[] {
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

/** The process that holds a socket. */
export interface SocketHolder {
  readonly pid: number
  /** Name of the process as ps shows it: at most 15 characters. */
  readonly process: string
  /** Command line, cut at 500 characters; empty if the process has hidden it. */
  readonly command: string
}

/** Milliseconds that the search for holders may take; a holder not found by then is missing in the answer. */
const SEARCH_MS = 3_000
const COMMAND_CHARACTERS = 500

/**
 * Returns the holders by inode; of several processes that share a socket the one with the lowest id, usually the
 * parent.
 */
async function findHolders(
  inodes: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, SocketHolder>> {
  const pids = new Map<string, number>()
  const until = performance.now() + SEARCH_MS
  const turn = takeTurns()
  for (const pid of await processes()) {
    if (pids.size === inodes.size || performance.now() > until) break
    for (const path of await descriptors(pid)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(path))?.[1]
      if (inode !== undefined && inodes.has(inode) && !pids.has(inode)) pids.set(inode, pid)
      await turn()
    }
    signal.throwIfAborted()
  }
  const found = [...pids]
  const holders = await Promise.all(found.map(([, pid]) => describe(pid)))
  return new Map(holders.map((holder, at) => [found[at]?.[0] ?? '', holder]))
}

async function processes(): Promise<number[]> {
  const names = await readdir('/proc').catch((): string[] => [])
  return names.flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : [])).toSorted((a, b) => a - b)
}

/** Returns the paths of a process's descriptors; none if it has gone or may not be seen. */
async function descriptors(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`
  const names = await readdir(directory).catch((): string[] => [])
  return names.map((name) => `${directory}/${name}`)
}

/**
 * Reads a link, synchronously: the kernel answers from memory, and a hop to another thread costs ten times the call.
 */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}

async function describe(pid: number): Promise<SocketHolder> {
  // Not synchronous: the command line lies in the process's memory, and reading that may block.
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
  const [name, command] = await Promise.all([read('comm'), read('cmdline')])
  return {
    pid,
    process: name.trimEnd(),
    command: command.slice(0, COMMAND_CHARACTERS).replaceAll('\0', ' ').trim(),
  }
}
