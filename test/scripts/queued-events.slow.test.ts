// The setting of the kernel that tests lower is set back when a test is killed, and when its guard is too.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { mendQueue, QUEUE } from '../../scripts/queued-events.ts'
import { NO_SYSCTL } from '../support/short-queue.ts'
import { until } from '../support/until.ts'

t.test('a killed test leaves the queue as it was', { skip: NO_SYSCTL }, async (t) => {
  const shortQueue = join(import.meta.dirname, '../support/short-queue.ts')
  const line = `import { withShortQueue } from '${shortQueue}'
    await withShortQueue(() => { console.log('low'); return new Promise(() => setInterval(() => {}, 1000)) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', line], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(createInterface(child.stdout), 'line')
  t.equal(readFileSync(QUEUE, 'utf8'), '64\n')
  child.kill('SIGKILL')
  await until('the guard has set it back', () => Number(readFileSync(QUEUE, 'utf8')) > 64)
})

t.test('what a killed guard has left is set back by its note', (t) => {
  const directory = t.testdir({ setting: '64\n', note: '16384\n', done: '' })
  const [setting, note, done] = [join(directory, 'setting'), join(directory, 'note'), join(directory, 'done')]
  mendQueue(setting, note)
  t.equal(readFileSync(setting, 'utf8'), '16384\n')
  t.equal(readFileSync(note, 'utf8'), '', 'it is mended once')
  writeFileSync(setting, '100\n')
  for (const nothing of [note, done, join(directory, 'none')]) mendQueue(setting, nothing)
  t.equal(readFileSync(setting, 'utf8'), '100\n')
  t.end()
})
