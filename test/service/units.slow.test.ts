// The real units under a real systemd: checked by systemd-analyze, then installed by scripts/install.sh into a
// machine that is booted for it, killed, hung, misconfigured, upgraded and removed there (A-11, C-02,
// C-03, C-06, Z-03). Where no machine can be booted harness.test.ts stands for it.

import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bootMachine, type Machine } from '../support/machine.ts'
import { COMMAND, TOKEN } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const ROOT = join(import.meta.dirname, '../..')
const UNITS = ['runtime.service', 'runtime.socket']

t.test('systemd-analyze verify finds nothing wrong with the units', async (t) => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0)
    return void t.pass('needs a capability', { skip: 'systemd is not installed' })
  const folder = t.testdir()
  for (const unit of UNITS) {
    const text = readFileSync(join(ROOT, unit), 'utf8')
    writeFileSync(join(folder, unit), text.replaceAll('/usr/local/bin/workspace-runtime', '/bin/true'))
  }
  const paths = UNITS.map((unit) => join(folder, unit))
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], {
    encoding: 'utf8',
  })
  t.same({ status, said: stdout + stderr }, { status: 0, said: '' })
})

interface Answer {
  readonly status: number
  readonly body: string
}

/** HTTP by bash, which is what any machine has. */
function ask({ run }: Machine, request: string, body = ''): Answer {
  const head = `${request} HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\nauthorization: Bearer ${TOKEN}\\r\\n`
  const sent = `${head}content-type: application/json\\r\\ncontent-length: ${Buffer.byteLength(body)}\\r\\n\\r\\n`
  const line = `exec 3<>/dev/tcp/127.0.0.1/9990 && printf "${sent}%s" '${body}' >&3 && cat <&3`
  const { stdout } = run(`timeout 50 bash -c '${line.replaceAll("'", String.raw`'\''`)}'`)
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(stdout)?.[1] ?? 0), body: stdout.split('\r\n\r\n')[1] ?? '' }
}

const shellIn = (machine: Machine, line: string): string =>
  (JSON.parse(ask(machine, 'POST /exec', JSON.stringify({ command: ['sh', '-c', line] })).body) as { stdout: string })
    .stdout

const health = (machine: Machine): number => ask(machine, 'GET /health').status

const property = ({ run }: Machine, name: string, unit = 'runtime.service'): string =>
  run(`systemctl show --value -p ${name} ${unit}`).stdout.trim()

t.test('installed into a running system, it stays up, is upgraded and leaves nothing behind', async (t) => {
  const archive = t.testdir()
  for (const unit of UNITS) copyFileSync(join(ROOT, unit), join(archive, unit))
  copyFileSync(join(ROOT, 'scripts/install.sh'), join(archive, 'install.sh'))
  const release = (mark: string) =>
    writeFileSync(join(archive, 'workspace-runtime'), `#!/bin/sh\n# ${mark}\nexec ${COMMAND.join(' ')} "$@"\n`, { mode: 0o755 }) // prettier-ignore
  release('first')
  const machine = await bootMachine(t, [ROOT])
  if (machine === undefined) return void t.pass('needs a capability', { skip: 'no machine can be booted here' })
  const { run } = machine
  const install = (args: string) => run(`sh ${archive}/install.sh --prefix /opt/wr ${args}`)

  run(`mkdir -m 700 -p /etc/credstore && echo ${TOKEN} > /etc/credstore/workspace-runtime.token`)
  const installed = install('install')
  t.match(installed, { code: 0, stdout: /runtime\.service is running/ }, installed.stderr)
  t.equal(health(machine), 200)
  t.equal(
    run('cat /var/lib/workspace-runtime/token; stat -c %a /var/lib/workspace-runtime/token').stdout,
    `${TOKEN}\n600\n`,
  )
  t.match(property(machine, 'StatusText'), /^serving on http:\/\/\[::\]:9990$/)
  t.match(run(`ls -l /proc/${property(machine, 'MainPID')}/fd/3`).stdout, /socket:/)

  t.comment('what a command is given')
  const seen = shellIn(
    machine,
    'sleep 0.5; grep ^0:: /proc/self/cgroup; nice; ulimit -Sn; cat /proc/self/oom_score_adj; env',
  )
  const [group = '', nice, files, score, ...variables] = seen.split('\n')
  t.match(group, /\/runtime\.service\/work$/)
  t.match(run(`grep ^0:: /proc/${property(machine, 'MainPID')}/cgroup`).stdout, /\/runtime\.service\/daemon$/m)
  t.same({ nice, files }, { nice: '0', files: '1024' })
  t.ok(Number(score) >= 0, `score ${score}`)
  const names = variables.map((line) => line.split('=', 1)[0] ?? '')
  t.same(
    names.filter((name) => /NOTIFY|LISTEN|WATCHDOG|CREDENTIALS|INVOCATION|JOURNAL|DIRECTORY/.test(name)),
    [],
  )

  t.comment('C-02 killed again and again')
  for (let round = 1; round <= 8; round++) {
    const pid = property(machine, 'MainPID')
    run(`kill -9 ${pid}`)
    t.equal(health(machine), 200, 'who connects meanwhile is answered')
    t.not(property(machine, 'MainPID'), pid)
  }
  t.equal(property(machine, 'ActiveState'), 'active')

  t.comment('C-06 hung')
  run('mkdir -p /run/systemd/system/runtime.service.d; printf "[Service]\\nWatchdogSec=2\\n" > /run/systemd/system/runtime.service.d/short.conf; systemctl daemon-reload; systemctl restart runtime.service') // prettier-ignore
  const hung = property(machine, 'MainPID')
  run(`kill -STOP ${hung}`)
  await until('systemd has replaced it', () => !['0', hung].includes(property(machine, 'MainPID')))
  t.equal(health(machine), 200)

  t.comment('misconfigured: not restarted, but asked again by each second of a waiting connection; the port is held')
  run('mkdir -p /etc/workspace-runtime; echo RUNTIME_LOG_LEVEL=loud > /etc/workspace-runtime/environment')
  t.not(run('systemctl restart runtime.service').code, 0)
  t.equal(property(machine, 'ExecMainStatus'), '2')
  run('timeout 4 bash -c "exec 3<>/dev/tcp/127.0.0.1/9990; sleep 4"')
  t.equal(property(machine, 'ActiveState', 'runtime.socket'), 'active')
  run('rm /etc/workspace-runtime/environment')
  t.equal(health(machine), 200, 'the next connection starts it')

  t.comment('upgraded while someone calls')
  release('second')
  const before = property(machine, 'MainPID')
  const upgraded = run(
    `bash -c 'while [ ! -f /tmp/stop ]; do exec 3<>/dev/tcp/127.0.0.1/9990 || echo refused; exec 3>&-; done' > /tmp/calls 2>&1 & sh ${archive}/install.sh --prefix /opt/wr upgrade; touch /tmp/stop; wait; cat /tmp/calls`, // prettier-ignore
  )
  t.match(upgraded.stdout, /becomes[^]*restarting runtime\.service; runtime\.socket holds the port/)
  t.notMatch(upgraded.stdout, 'refused')
  t.not(property(machine, 'MainPID'), before)
  t.equal(health(machine), 200)
  t.match(install('status'), { code: 0, stdout: /runtime\.socket: active, enabled/ })

  t.comment('stopped in order, and removed')
  run('systemctl stop runtime.service')
  t.same([property(machine, 'Result'), property(machine, 'ExecMainStatus')], ['success', '0'])
  t.match(install('uninstall --purge'), { code: 0 })
  const left = run('rm -rf /run/systemd/system/runtime.service.d; find /etc /var /opt /run /usr/local -name "*runtime.s*" -o -name "workspace-runtime*"') // prettier-ignore
  t.equal(left.stdout, '/etc/credstore/workspace-runtime.token\n', 'what we put there ourselves')
  t.equal(install('status').code, 3)
})
