// Is this upgrade a WebSocket's of RFC 6455 (4.2.1)? Asked after the credential, before the connection is handed
// over; what is refused here is still answered as plain HTTP.

import type { IncomingMessage } from 'node:http'
import { Fault, quote } from '../../base/fault.ts'

export function checkHandshake(request: Pick<IncomingMessage, 'method' | 'headers'>): void {
  const { method, headers } = request
  if (method !== 'GET') throw new Fault('bad_request', `a WebSocket is opened with GET, not with ${method ?? ''}`)
  const version = headers['sec-websocket-version']
  if (version !== '13') {
    throw new Fault('upgrade_required', `Sec-WebSocket-Version is ${quote(version ?? null)}; accepted is 13`)
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    throw new Fault('bad_request', 'Sec-WebSocket-Key must be the base64 of 16 bytes')
  }
}
