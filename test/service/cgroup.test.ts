// The daemon in a control group that was delegated to it, and outside of one (Delegate= of systemd; Z-02).

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { groupDirectory, workMemory } from '../../src/service/cgroup.ts'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { makeDelegatedGroup } from '../support/control-groups.ts'
import { openSupervisor } from '../support/supervisor.ts'
import { until } from '../support/until.ts'

const NO_GROUPS = { skip: 'no control groups of version 2 that may be written' }
const MIB = 1024 * 1024

t.test('what commands may take of the memory', async (t) => {
  t.equal(workMemory(512 * MIB), 448 * MIB)
  t.equal(workMemory(1024 * MIB), 896 * MIB)
  t.equal(workMemory(4096 * MIB), 3968 * MIB)
})

t.test('the directory of a group, wherever it is mounted', async (t) => {
  const unified = '25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n'
  const hybrid =
    '24 20 0:21 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n25 24 0:22 / /sys/fs/cgroup/unified rw - cgroup2 c rw'
  t.equal(groupDirectory('0::/system.slice/runtime.service\n', unified), '/sys/fs/cgroup/system.slice/runtime.service')
  t.equal(groupDirectory('4:memory:/x\n0::/a\n', hybrid), '/sys/fs/cgroup/unified/a')
  t.equal(groupDirectory('0::/a/b\n', unified.replace(' / ', ' /a ')), '/sys/fs/cgroup/b', 'a part is mounted')
  t.equal(groupDirectory('0::/\n', unified), undefined, 'the root')
  t.equal(groupDirectory('0::/../x\n', unified.replace(' / ', ' /a ')), undefined, 'outside of the mount')
  t.equal(groupDirectory('4:memory:/x\n', unified), undefined, 'version 1 only')
  t.equal(groupDirectory('0::/a\n', ''), undefined)
})

const groupOf = (pid: number | string): string =>
  /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1'))?.[1] ?? ''

t.test('the daemon in one sub-group, all that it starts in another', async (t) => {
  const group = makeDelegatedGroup(t, 'daemon')
  if (group === undefined) return void t.pass('needs a capability', NO_GROUPS)
  const supervisor = openSupervisor(t)
  const daemon = supervisor.start({}, undefined, `echo $$ > ${group}/cgroup.procs`)
  await supervisor.ready()
  t.match(groupOf(daemon.process.pid ?? 0), /\/daemon$/)
  t.match(daemon.stderr(), /commands have a control group/)
  t.equal(daemon.stderr().split('control group').length, 2, 'one line')

  const line = 'cat /proc/self/cgroup; (sleep 1000 & setsid sleep 1000 &); (true &); sleep 1000'
  const started = await fetch(`${supervisor.url}/exec`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ command: ['sh', '-c', line], background: true }),
  })
  t.equal(started.status, 200)
  const pids = (name: string) =>
    readFileSync(join(group, name, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean).map(Number) // prettier-ignore
  await until('shell and three sleeps are in `work`', () => pids('work').length === 4)
  t.same(pids('daemon'), [daemon.process.pid])
  daemon.process.kill('SIGTERM')
  t.equal(await daemon.ended, 0)
})

t.test('a group that was not delegated is left as it is', async (t) => {
  const before = groupOf('self')
  const daemon = await startDaemon(t, { env: { INVOCATION_ID: 'f'.repeat(32) } })
  t.equal(groupOf(daemon.pid), before)
  t.notMatch(daemon.stderr(), /control group/)
})
