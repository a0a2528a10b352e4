// One test file as a process: its outcome is told, also if the file itself prints nothing.

import t from 'tap'
import { runFile } from '../../scripts/run-file.ts'

const begin = "import t from 'tap'\n"
const passing = "t.test('good', async (t) => t.ok(true))\n"

t.test('a file that passes, fails, is killed, or has no test', async (t) => {
  const root = t.testdir({
    'good.ts': begin + passing,
    'bad.ts': `${begin}${passing}t.test('bad', async (t) => t.equal(1, 2))\n`,
    'killed.ts': `${begin}${passing}t.test('end', async () => process.kill(process.pid, 'SIGKILL'))\n`,
    'empty.ts': `${begin}void t\n`,
    'held.ts': `${begin}import { spawn } from 'node:child_process'\nspawn('sleep', ['1'], { stdio: 'inherit', detached: true }).unref()\n${passing}`,
  })
  const env = { ...process.env, TAP: undefined, TAP_CHILD_ID: undefined, TAP_BAIL: undefined }
  const run = (file: string) => runFile({ root, file, env })
  t.match(await run('good.ts'), { file: 'good.ts', ok: true, tests: [{ name: 'good', outcome: 'passed' }] })
  t.match(await run('bad.ts'), { ok: false, tests: [{ outcome: 'passed' }, { name: 'bad', outcome: 'failed' }] })
  t.match(await run('killed.ts'), { ok: false, diagnosis: /SIGKILL/, tests: [{ name: 'good', outcome: 'passed' }] })
  t.match(await run('empty.ts'), { ok: false, diagnosis: /it ran no test/ })
  t.match(await run('held.ts'), { ok: true, tests: [{ outcome: 'passed' }] }, 'its output is held for a while')
})
