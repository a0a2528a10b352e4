// A wall clock that jumps is told and breaks nothing (A-08, C-04), with the real pace of the watch. Clocks are moved
// with libfaketime, never the machine's own.

import { existsSync, globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const [LIBRARY = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
const NO_FAKETIME = existsSync(LIBRARY) ? false : 'needs libfaketime'

t.test(
  'A-08 a clock that jumps is logged, and waits go on as if nothing had been',
  { skip: NO_FAKETIME },
  async (t) => {
    const offset = join(t.testdir({ offset: '+0' }), 'offset')
    const env = {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    const daemon = await startDaemon(t, { env })
    const { body } = await daemon.call('POST', '/exec', {
      command: ['sleep', '60'],
      timeout_seconds: 30,
      background: true,
    })
    for (const hours of [1, -1]) {
      writeFileSync(offset, `${hours * 3600}`.replace(/^(?!-)/, '+'))
      const seconds = hours === 1 ? 3600 : -7200
      await until('it is noticed', () => daemon.stderr().includes(`"clock_jump","seconds":${seconds}}`))
    }
    t.match((await daemon.call('GET', `/exec/${body.id}`)).body, { status: 'running' }, 'no timeout by a jump')
    t.equal((await daemon.call('GET', '/health/detail')).body.lost.clock_jumps, 2)
    await daemon.call('DELETE', `/exec/${body.id}`)
    t.equal(await daemon.stop(), 0)
  },
)
