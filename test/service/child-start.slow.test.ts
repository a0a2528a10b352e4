// Children of a daemon that differs from a login in everything it can: the tests of processes and of exec once more,
// with a raised score and, where there are control groups, a group of their own. Exit codes, arguments, the errors
// of a program or a directory that is not there: all of it must be what it is without (E-11, Z-03).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeDelegatedGroup } from '../support/control-groups.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Less what takes long, or says nothing about how a child starts. */
const TESTS = {
  'test/workspace/processes/child.test.ts': '/^(?!E-12|E-16|Z-01)/',
  'test/operations/exec-catalogue.test.ts': '/^E-0[12389]/',
}

for (const [file, chosen] of Object.entries(TESTS)) {
  t.test(`E-11 ${file} holds for children that are started otherwise`, async (t) => {
    const group = makeDelegatedGroup(t, file.replaceAll(/\W+/g, '-'))
    const [own, work] = ['daemon', 'work'].map((name) => join(group ?? '', name))
    if (group !== undefined) for (const path of [own, work]) mkdirSync(path ?? '')
    const enter = group === undefined ? ':' : `echo $$ > ${own}/cgroup.procs`
    const start = { oomScore: 100, ...(group === undefined ? {} : { groups: { own, work } }) }
    const child = spawn('/bin/sh', ['-c', `${enter}; exec "$0" "$@"`, process.execPath, join(ROOT, file)], {
      env: { ...process.env, TEST_CHILD_START: JSON.stringify(start), TAP_GREP: chosen },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let tap = ''
    child.stdout.on('data', (chunk: Buffer) => (tap += chunk.toString()))
    await once(child, 'close')
    t.equal(child.exitCode, 0, tap.match(/^ *not ok.*$/gm)?.join('\n') ?? '')
    t.match(tap, /^1\.\.[1-9]\d*$/m)
  })
}
