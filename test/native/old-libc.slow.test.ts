// On glibc 2.28, the oldest we run on, nothing sets a child's directory as it starts: the daemon's own is changed for
// that moment (native/spawn.ts). The tests of processes, of exec and of terminals once more in that way: the
// directory, the errors of one that is not there, exit codes and arguments must be what they are elsewhere.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '../..')

/** Less what takes long, or says nothing about how a child starts. */
const TESTS = {
  'test/workspace/processes/child.test.ts': '/^(?!E-12|E-16|Z-01)/',
  'test/operations/exec-catalogue.test.ts': '/^E-(0[12389]|10)/',
}

for (const [file, chosen] of Object.entries(TESTS)) {
  t.test(`E-10 ${file} holds where the C library cannot set a directory`, async (t) => {
    const child = spawn(process.execPath, [join(ROOT, file)], {
      env: { ...process.env, TEST_SPAWN_CHDIR: 'no', TAP_GREP: chosen },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let tap = ''
    child.stdout.on('data', (chunk: Buffer) => (tap += chunk.toString()))
    await once(child, 'close')
    t.equal(child.exitCode, 0, tap.match(/^ *not ok.*$/gm)?.join('\n') ?? '')
    t.match(tap, /^1\.\.[1-9]\d*$/m)
  })
}
