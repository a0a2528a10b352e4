// Signs of life are given for both halves of the process or not at all, and notices wait until they are taken
// (reliability C-04, C-06).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openNotices } from '../../src/service/notices.ts'
import { openWatchdog, watchdogPeriod } from '../../src/service/watchdog.ts'
import { openNotifySocket } from '../support/notify-socket.ts'
import { until } from '../support/until.ts'

t.test('whom the manager watches, and for how long', async (t) => {
  t.equal(watchdogPeriod({}, 7), undefined)
  t.equal(watchdogPeriod({ WATCHDOG_USEC: '30000000' }, 7), 30_000)
  t.equal(watchdogPeriod({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 30_000)
  t.equal(watchdogPeriod({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7), undefined)
  for (const period of ['', '0', '-1', 'x', '1e6']) t.equal(watchdogPeriod({ WATCHDOG_USEC: period }, 7), undefined)
})

t.test('C-06 while the pool owes an answer no sign is given, and the pool is not asked again', async (t) => {
  let asked = 0
  let signs = 0
  let answer = (): void => {}
  const probe = () => new Promise<void>((resolve) => ((answer = resolve), asked++))
  const watchdog = openWatchdog({ periodMs: 30, alive: () => signs++, probe })
  t.equal(asked, 1)
  for (let turn = 0; turn < 8; turn++) await until('a timer has run', async () => true).then(() => turnOf(10))
  t.same({ asked, signs }, { asked: 1, signs: 0 })
  answer()
  await until('a sign, and the next question', () => signs === 1 && asked === 2)
  watchdog[Symbol.dispose]()
  answer()
  await turnOf(20)
  t.same({ asked, signs }, { asked: 2, signs: 1 }, 'nothing after its end')
})

const turnOf = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Two seconds of signs in a process (killed, since an exit waits for the pool), with `line` run after the third. */
function watched(line: string): string {
  return `
    import { open } from 'node:fs/promises'
    import { openWatchdog } from ${JSON.stringify(new URL('../../src/service/watchdog.ts', import.meta.url).href)}
    let signs = 0
    openWatchdog({ periodMs: 60, alive: () => { process.stdout.write('.'); if (++signs === 3) { ${line} } } })
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 2000)`
}

async function signsOf(line: string, env: Readonly<Record<string, string>> = {}): Promise<number> {
  const argv = ['--input-type=module', '-e', watched(line)]
  const environment = { ...process.env, UV_THREADPOOL_SIZE: '1', ...env }
  const child = spawn(process.execPath, argv, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  let signs = 0
  child.stdout.on('data', (chunk: Buffer) => (signs += chunk.length))
  await once(child, 'close')
  return signs
}

t.test('C-06 a wedged pool and a busy loop both fall silent', async (t) => {
  const folder = t.testdir()
  const fifo = join(folder, 'fifo')
  await once(spawn('mkfifo', [fifo]), 'close')
  const [pool, loop, well] = await Promise.all([
    signsOf(`void open(${JSON.stringify(fifo)}); void open(${JSON.stringify(fifo)})`),
    signsOf("for (;;) if (process.uptime() > 3) process.kill(process.pid, 'SIGKILL')"),
    signsOf(''),
  ])
  t.ok(pool >= 3 && pool <= 4, `${pool} signs`)
  t.equal(loop, 3)
  t.ok(well > 4, `${well} signs`)
})

const FAKETIME = ['x86_64', 'aarch64'].map((arch) => `/usr/lib/${arch}-linux-gnu/faketime/libfaketimeMT.so.1`)

t.test('C-04 a jump of the wall clock makes no sign late and none early', async (t) => {
  const library = FAKETIME.find((path) => existsSync(path))
  if (library === undefined) return void t.pass('needs a capability', { skip: 'libfaketime is not installed' })
  const clock = join(t.testdir(), 'clock')
  writeFileSync(clock, '+0\n')
  const jump = `import('node:fs').then(({ writeFileSync }) => writeFileSync(${JSON.stringify(clock)}, '+30d\\n'))`
  const faked = { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1' }
  const signs = await signsOf(jump, { ...faked, FAKETIME_DONT_FAKE_MONOTONIC: '1' })
  t.ok(signs > 10 && signs <= 110, `${signs} signs in two seconds, one each 20 ms at most`)
})

t.test('a notice waits for a manager that is busy, in order, and signs of life do not queue', async (t) => {
  using manager = openNotifySocket(`@workspace-runtime-watchdog-${process.pid}`) // a path here would be too long
  const complaints: string[] = []
  using notices = openNotices(manager.name, (reason) => complaints.push(reason))
  for (let sign = 0; sign < 2000; sign++) notices.alive() // its queue is full long before
  notices.tell('READY=1', 'STATUS=two\nlines')
  notices.tell('STOPPING=1')
  notices.alive()
  await manager.heard('STOPPING=1')
  const lines = manager.received().filter((line) => line !== 'WATCHDOG=1')
  t.same(lines, ['READY=1', 'STATUS=two lines', 'STOPPING=1'])
  t.ok(manager.received().length < 2000)
  t.same(complaints, [])
})

t.test('without a manager nobody is told', async (t) => {
  for (const name of [undefined, '']) {
    using notices = openNotices(name, (reason) => t.fail(reason))
    notices.tell('READY=1')
    notices.alive()
  }
  const heard: string[] = []
  for (const name of ['relative', `/${'x'.repeat(200)}`, '@', join(t.testdir(), 'nobody')]) {
    using notices = openNotices(name, (reason) => heard.push(reason))
    notices.tell('READY=1')
    notices.tell('STOPPING=1')
  }
  t.equal(heard.length, 4, 'one complaint each')
})
