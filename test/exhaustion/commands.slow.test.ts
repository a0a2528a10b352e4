// Commands that take all there is: processes, memory, processors (Z-02, Z-03, Z-04). The daemon is started
// as the unit starts it, with the niceness and the score of runtime.service, inside a control group that contains
// what the commands do. It goes on answering, and what it started can be ended.

import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeBoundedGroup, type BoundedGroup } from '../support/bounded-group.ts'
import { startDaemon, type Daemon, type Reply } from '../support/daemon.ts'
import { NO_ROOT } from '../support/mounting.ts'
import { readUnit } from '../support/unit-file.ts'
import { until } from '../support/until.ts'

const UNIT = readUnit(join(import.meta.dirname, '../../runtime.service'))
const NICE = UNIT.last('Service.Nice')
const OOM_SCORE = UNIT.last('Service.OOMScoreAdjust')
const NO_GROUP = { skip: 'no control group that may be written and limited' }

/** The daemon's own threads are some thirty. */
const MOST_TASKS = 250
/** Of which the daemon has a tenth. */
const MOST_MEMORY = 800 * 1024 * 1024

/** As the unit does it; in the group where there is one. */
function startFavoured(t: Test, group: BoundedGroup | undefined): Promise<Daemon> {
  const line = `${group?.enter ?? ':'}; echo ${OOM_SCORE} > /proc/self/oom_score_adj; exec nice -n ${NICE} "$@"`
  return startDaemon(t, { wrapper: ['/bin/sh', '-c', line, 'sh'] })
}

/** So many answers of /health, one after the other; tells how long they took. */
async function answers(t: Test, daemon: Daemon): Promise<void> {
  const began = performance.now()
  for (let count = 0; count < 50; count++) t.equal((await daemon.call('GET', '/health')).status, 200)
  t.comment(`50 answers in ${Math.round(performance.now() - began)} ms`)
}

/** Doubles until nothing more can be started, and then tries again and again. */
const BOMB = ['perl', '-e', 'while (1) { defined(fork) or select(undef, undef, undef, 0.01) }'] as const
const NO_PERL = existsSync('/usr/bin/perl') ? NO_ROOT : 'perl is not installed'

const bombs: Readonly<Record<string, (daemon: Daemon) => Promise<() => Promise<Reply>>>> = {
  async exec(daemon) {
    const { body } = await daemon.call('POST', '/exec', { command: BOMB, background: true })
    return () => daemon.call('DELETE', `/exec/${body.id}`)
  },
  async terminal(daemon) {
    const { body } = await daemon.call('POST', '/terminals', { command: BOMB })
    return () => daemon.call('DELETE', `/terminals/${body.id}`)
  },
}

for (const [where, drop] of Object.entries(bombs)) {
  t.test(`Z-02 a fork bomb in a command (${where}): the daemon answers, and ends it`, { skip: NO_PERL }, async (t) => {
    const group = makeBoundedGroup(t, 'pids', MOST_TASKS)
    if (group === undefined) return void t.pass('needs a capability', NO_GROUP)
    const daemon = await startFavoured(t, group)
    await daemon.call('POST', '/exec', { command: ['true'] })
    const before = group.size()
    const end = await drop(daemon)
    await until('the bomb fills the group', () => group.refusals() > 0)
    await answers(t, daemon)
    const refused = await daemon.call('POST', '/exec', { command: ['true'] })
    t.ok(refused.status === 200 || refused.status === 503, `a command meanwhile: ${refused.status}`)
    t.equal((await end()).status, 200)
    await until('it is gone', () => group.size() <= before + 10)
    t.match(await daemon.call('POST', '/exec', { command: ['echo', 'back'] }), { body: { stdout: 'back\n' } })
    t.notMatch(daemon.stderr(), /internal_error/)
    t.equal(await daemon.stop(), 0)
  })
}

t.test(
  'Z-03 a command that takes all memory is killed, with all of its own; the daemon is not',
  { skip: NO_ROOT },
  async (t) => {
    const group = makeBoundedGroup(t, 'memory', MOST_MEMORY)
    if (group === undefined) return void t.pass('needs a capability', NO_GROUP)
    const daemon = await startFavoured(t, group)
    const alone = await daemon.call('POST', '/exec', { command: ['tail', '/dev/zero'], timeout_seconds: 600 })
    t.match(alone.body, { exit_code: 137, signal: 'SIGKILL' })
    const line = 'for i in 1 2 3; do tail /dev/zero & done; cat /proc/self/oom_score_adj; wait; echo over'
    const many = await daemon.call('POST', '/exec', { command: ['sh', '-c', line], timeout_seconds: 600 })
    t.match(many.body, { stdout: /over\n$/, exit_code: 0 })
    // Lowering the daemon's score takes CAP_SYS_RESOURCE; raising that of a command takes nothing.
    t.match(many.body, { stdout: /^100\n/ })
    t.match(await daemon.call('POST', '/exec', { command: ['echo', 'back'] }), { body: { stdout: 'back\n' } })
    t.equal(await daemon.stop(), 0)
  },
)

t.test('Z-04 four busy loops for each processor: the daemon answers', { skip: NO_ROOT }, async (t) => {
  const daemon = await startFavoured(t, undefined)
  const ids: string[] = []
  for (let count = 0; count < 4 * cpus().length; count++) {
    const { body } = await daemon.call('POST', '/exec', {
      command: ['sh', '-c', 'while :; do :; done'],
      background: true,
    })
    ids.push(body.id)
  }
  await answers(t, daemon)
  for (const id of ids) await daemon.call('DELETE', `/exec/${id}`)
  t.equal(await daemon.stop(), 0)
})
