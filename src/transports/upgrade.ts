// WebSocket upgrades. Node leaves the connection to us from the first moment, so the first statement hears its errors
// . An upgrade is admitted as every request is (admit.ts), then its entry takes the connection over (entries.ts);
// a refusal is a plain HTTP answer.

import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Caller } from '../caller.ts'
import type { Daemon } from '../daemon.ts'
import { Fault } from '../base/fault.ts'
import { responseClass } from '../base/tally.ts'
import { openAdmit, type AdmitParts, type Surroundings } from './admit.ts'
import { entryOf, type EntryHandlers } from './entries.ts'
import { closeSoon } from './connection-end.ts'
import { UPGRADE_LINGER_MS } from './patience.ts'
import { asFault, refusalOfFault, type HttpReply } from './reply.ts'
import { newRequestId, splitTarget } from './request-head.ts'

/** A connection that asks to become a WebSocket, its caller known. */
export interface UpgradeConnection {
  readonly socket: Duplex
  /** Bytes that came behind the request's headers. */
  readonly head: Buffer
  readonly caller: Caller
  /** Query without the token. */
  readonly query: URLSearchParams
}

/**
 * Takes the connection over, or throws a Fault while it is still plain HTTP. Returns the status that it has answered,
 * for the log, if that is not 101.
 */
export type UpgradeRoute = (request: IncomingMessage, connection: UpgradeConnection) => Promise<number | void>

export interface UpgradeParts extends Omit<AdmitParts, 'open'> {
  readonly handlers: EntryHandlers
  /** Counts responses. */
  readonly daemon?: Daemon
}

export interface Upgrades extends Disposable {
  readonly take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

export function isWebSocket(request: IncomingMessage): boolean {
  return /(^|,)\s*websocket\s*(,|$)/i.test(request.headers.upgrade ?? '')
}

export function openUpgrades(parts: UpgradeParts, around: Surroundings, accessLog: boolean): Upgrades {
  const sockets = new Set<Duplex>()
  const admit = openAdmit({ ...parts, open: new Set() }, around)

  const serve = async (request: IncomingMessage, socket: Duplex, head: Buffer, requestId: string): Promise<number> => {
    const { path, query: text } = splitTarget(request.url ?? '/')
    const query = new URLSearchParams(text)
    const entry = entryOf(path)
    const admitted = await admit({ request, response: undefined, requestId, path, entry, query, headers: {} })
    if ('reply' in admitted) return answer(socket, admitted.reply, requestId)
    if (socket.destroyed) return 0
    const { caller, place } = admitted
    if (place.remote !== undefined) throw new Fault('not_supported', 'sockets of other runtimes are not passed on')
    const served = entry.path !== undefined && (entry.rootOnly !== true || path === place.path)
    const upgrade = served ? parts.handlers[entry.path]?.upgrade : undefined
    if (upgrade === undefined) {
      throw new Fault('not_found', `no WebSocket is served at ${JSON.stringify(path.slice(0, 200))}`)
    }
    return (await upgrade(request, { socket, head, caller, query })) ?? 101
  }

  const take = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const requestId = newRequestId()
    let status = 0
    try {
      status = await serve(request, socket, head, requestId)
    } catch (error) {
      status = answer(socket, refusalOfFault(asFault(error, requestId, parts.log), requestId), requestId)
    }
    if (parts.daemon !== undefined) parts.daemon.responses[responseClass(status)]++
    if (!accessLog) return
    const { path } = splitTarget(request.url ?? '/')
    parts.log.info('upgrade', { request_id: requestId, method: request.method, path, status })
  }

  return {
    take(request, socket, head) {
      socket.on('error', () => socket.destroy()) // stays for the connection's life
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      take(request, socket, head).catch((error: unknown) => {
        asFault(error, 'unknown', parts.log)
        socket.destroy()
      })
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Sends a plain HTTP answer on the bare connection, which then ends. Returns its status. */
function answer(socket: Duplex, reply: HttpReply, requestId: string): number {
  const body = JSON.stringify(reply.body)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-request-id': requestId,
    connection: 'close',
    ...reply.headers,
    'content-length': String(Buffer.byteLength(body)),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const { status } = reply
  socket.resume() // what still comes is dropped, or closing would reset the connection before the answer is read
  closeSoon(
    socket as Socket,
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`,
    UPGRADE_LINGER_MS,
  ) // Node gives its own sockets
  return status
}
