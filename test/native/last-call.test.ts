// A process that exits beside a thread that calls C: Node would abort it (native/last-call.ts).

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const native = join(import.meta.dirname, '../../src/native')

/** A process that exits while its thread looks up functions of C, and the thread's answer to the exit. */
function exitBeside(t: Test, answers: boolean): { readonly status: number | null; readonly signal: string | null } {
  const program = join(t.testdir({}), 'exit.mjs')
  writeFileSync(
    program,
    `import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
    import { libc } from '${native}/libc.ts'
    import { exitAfterLastCall, openLastCall, sayLastCall } from '${native}/last-call.ts'
    const told = isMainThread ? openLastCall() : workerData.told
    if (isMainThread) {
      const lastCall = openLastCall()
      process.on('exit', (code) => {
        sayLastCall(told)
        exitAfterLastCall(lastCall, code)
      })
      new Worker(new URL(import.meta.url), { workerData: { told, lastCall } }).once('message', () => process.exit(7))
    } else {
      parentPort.postMessage('looking')
      while (Atomics.load(told, 0) === 0) libc.has('int close(int fd)')
      if (${answers}) sayLastCall(workerData.lastCall)
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    }`,
  )
  const { status, signal } = spawnSync(process.execPath, [program], { timeout: 600_000, stdio: 'ignore' })
  return { status, signal }
}

t.test('a process exits while its thread works in the native library', async (t) => {
  for (let attempt = 0; attempt < 5; attempt++) t.same(exitBeside(t, true), { status: 7, signal: null })
})

t.test('a process exits beside a thread that does not make its last call', async (t) => {
  t.same(exitBeside(t, false), { status: 7, signal: null })
})
