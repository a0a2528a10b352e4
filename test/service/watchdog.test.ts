// Signs of life are given for both halves of the process or not at all, and notices wait until they are taken
// (C-04, C-06).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openNotices } from '../../src/service/systemd.ts'
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
  for (let turn = 0; turn < 8; turn++) await turnOf(10)
  t.same({ asked, signs }, { asked: 1, signs: 0 })
  answer()
  await until('a sign, and the next question', () => signs === 1 && asked === 2)
  watchdog[Symbol.dispose]()
  answer()
  await turnOf(20)
  t.same({ asked, signs }, { asked: 2, signs: 1 }, 'nothing after its end')
})

const turnOf = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const PERIOD_MS = 60

/**
 * A process that is watched, with `line` run after the third sign; it ends when its loop has turned for so many signs
 * more that two periods and more have passed (killed, since an exit waits for the pool). Its times are the kernel's.
 */
function watched(line: string): string {
  return `
    import { open } from 'node:fs/promises'
    import { openWatchdog } from ${JSON.stringify(new URL('../../src/service/watchdog.ts', import.meta.url).href)}
    import { writeSync } from 'node:fs'
    let signs = 0
    let turns = 0
    const began = performance.now()
    const sign = () => { writeSync(1, '.'); if (++signs === 3) { ${line} } }
    openWatchdog({ periodMs: ${PERIOD_MS}, alive: sign })
    setInterval(() => {
      if (signs < 3 || ++turns < 20) return
      writeSync(1, String(Math.ceil(performance.now() - began)))
      process.kill(process.pid, 'SIGKILL')
    }, ${PERIOD_MS / 3})`
}

/** How many signs it gave, and the ms until its end; none where the loop did not turn. */
async function signsOf(line: string, env: Readonly<Record<string, string>> = {}) {
  const argv = ['--input-type=module', '-e', watched(line)]
  const environment = { ...process.env, UV_THREADPOOL_SIZE: '1', ...env }
  const child = spawn(process.execPath, argv, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await once(child, 'close')
  return { signs: said.split('.').length - 1, ms: Number(/\d+$/.exec(said)?.[0]) }
}

t.test('C-06 a wedged pool and a busy loop both fall silent', async (t) => {
  const folder = t.testdir()
  const fifo = join(folder, 'fifo')
  await once(spawn('mkfifo', [fifo]), 'close')
  const [pool, loop, well] = await Promise.all([
    signsOf(`void open(${JSON.stringify(fifo)}); void open(${JSON.stringify(fifo)})`),
    signsOf(
      `for (const end = performance.now() + 500; performance.now() < end;); process.kill(process.pid, 'SIGKILL')`,
    ),
    signsOf(''),
  ])
  t.ok(pool.signs >= 3 && pool.signs <= 4 && pool.ms > 0, `${pool.signs} signs`)
  t.same(loop, { signs: 3, ms: Number.NaN })
  t.ok(well.signs > 4, `${well.signs} signs`)
})

const FAKETIME = ['x86_64', 'aarch64'].map((arch) => `/usr/lib/${arch}-linux-gnu/faketime/libfaketimeMT.so.1`)

t.test('C-04 a jump of the wall clock makes no sign late and none early', async (t) => {
  const library = FAKETIME.find((path) => existsSync(path))
  if (library === undefined) return void t.pass('needs a capability', { skip: 'libfaketime is not installed' })
  const clock = join(t.testdir(), 'clock')
  writeFileSync(clock, '+0\n')
  const jump = `import('node:fs').then(({ writeFileSync }) => writeFileSync(${JSON.stringify(clock)}, '+30d\\n'))`
  const faked = { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1' }
  const { signs, ms } = await signsOf(jump, { ...faked, FAKETIME_DONT_FAKE_MONOTONIC: '1' })
  t.ok(signs > 4, `${signs} signs: the jump did not hold the next one up`)
  t.ok(signs <= 3 + ms / (PERIOD_MS / 3), `${signs} signs in ${ms} ms, one each 20 ms at most`)
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

t.test('without a manager no notice is sent', async (t) => {
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
