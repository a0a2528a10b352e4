// A terminal that prints without end while clients of /ws come and go (reliability P-06).

import t, { type Test } from 'tap'
import type { Terminal } from '../../../src/workspace/terminals/terminal.ts'
import { openSocketServer, type SocketServer } from '../../support/socket-server.ts'
import { openTestTerminals, script } from '../../support/terminals.ts'
import { until } from '../../support/until.ts'
import { view } from '../../support/viewer.ts'

interface Live extends SocketServer {
  readonly run: (line: string) => Terminal
}

async function live(t: Test): Promise<Live> {
  const terminals = openTestTerminals(t)
  const server = await openSocketServer(t, { live: { terminals } })
  return { ...server, run: (line) => script(terminals, line) }
}

t.test('P-06 100 MiB without a newline while clients come and go: replays are bounded', async (t) => {
  const { url, run } = await live(t)
  const size = 100 * 1024 * 1024
  const terminal = run(`yes "$(printf '\\033[12;40Hxyz')" | tr -d '\\n' | head -c ${size}`)
  const { id } = terminal
  let longest = 0
  let widest = 0
  let storms = 0
  while (terminal.alive) {
    const viewers = await Promise.all(Array.from({ length: 5 }, async () => await view(t, url, '&mode=shared')))
    await until('each is replayed', () => viewers.every((one) => one.output(id).length > 0 || !terminal.alive))
    for (const viewer of viewers) {
      const { from = 0, to = 0 } = await viewer.next('replay', id)
      longest = Math.max(longest, to - from)
      for (const frame of viewer.frames) if ('output' in frame) widest = Math.max(widest, frame.bytes)
      viewer.socket.terminate()
    }
    storms++
  }
  t.ok(storms > 2, `${storms} times`)
  t.ok(longest <= 256 * 1024, `${longest} bytes were replayed at most`)
  t.ok(widest <= 64 * 1024 - 1, `frames of ${widest} bytes at most`)
  t.equal(terminal.head, size)
})
