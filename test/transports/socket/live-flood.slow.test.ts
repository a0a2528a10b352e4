// A terminal that prints without end while clients of /ws come and go (P-06).

import t from 'tap'
import { liveTerminals } from '../../support/live-terminals.ts'
import { until } from '../../support/until.ts'
import { view } from '../../support/viewer.ts'

t.test('P-06 100 MiB without a newline while clients come and go: replays are bounded', async (t) => {
  const { url, run } = await liveTerminals(t)
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
