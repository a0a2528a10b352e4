// Terminals, and the server of /ws through which clients see them, in the process of the test.

import type { Test } from 'tap'
import type { Terminal } from '../../src/workspace/terminals/terminal.ts'
import { openSocketServer, type SocketServer } from './socket-server.ts'
import { openTestTerminals, script } from './terminals.ts'

export interface LiveTerminals extends SocketServer {
  readonly run: (line: string) => Terminal
}

export async function liveTerminals(t: Test): Promise<LiveTerminals> {
  const terminals = openTestTerminals(t)
  const server = await openSocketServer(t, { live: { terminals } })
  return { ...server, run: (line) => script(terminals, line) }
}
