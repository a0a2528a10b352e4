// Readers of the log that take nothing of a flood: the daemon serves, in bounded memory (C-07).

import t from 'tap'
import { MIB } from '../support/growth.ts'
import { detail, flood, startBehind } from '../support/logging-daemon.ts'

for (const [reader, script] of [
  ['a pipe without a reader', '"$@" 2>&1 >/dev/null | sleep 1000'],
  ['a full disk', 'exec "$@" 2>/dev/full'],
  ['stdout and stderr closed', 'exec "$@" >&- 2>&-'],
] as const) {
  t.test(`C-07 events without end into ${reader}: it serves, in bounded memory`, async (t) => {
    const { url } = await startBehind(t, script)
    await flood(url, 4 * MIB)
    const before = await detail(url)
    await flood(url, 40 * MIB)
    const after = await detail(url)
    t.equal((await fetch(`${url}/health`)).status, 200)
    if (!reader.includes('closed')) t.ok(after.lost.log_lines_dropped > 1000, 'what is lost is counted')
    const grown = (after.memory.anonymous_bytes - before.memory.anonymous_bytes) / MIB
    t.ok(grown < 40, `${grown.toFixed(1)} MiB more`)
  })
}
