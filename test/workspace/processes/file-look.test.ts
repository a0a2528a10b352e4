// The program that runs another one, as its first bytes say.

import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loaderPlace, lookLater, lookNow } from '../../../src/workspace/processes/file-look.ts'

const question = (path: string) => ({ path, about: 'interpreter', touched: true, role: 'command' }) as const

t.test('scripts, programs, and what is neither; on this thread and on another', async (t) => {
  const dir = t.testdir({ script: '#! /opt/my/interpreter -x\nbody', plain: 'text', empty: '', folder: {} })
  const fifo = join(dir, 'fifo')
  spawnSync('mkfifo', [fifo])
  const expected = {
    script: { interpreter: '/opt/my/interpreter', script: true },
    plain: { interpreter: undefined, script: false },
    empty: { interpreter: undefined, errno: undefined },
    folder: { interpreter: undefined },
    fifo: { interpreter: undefined },
    none: { errno: 'ENOENT' },
  }
  for (const [name, seen] of Object.entries(expected)) {
    t.match(lookNow(question(join(dir, name))), seen, name)
    t.match(await lookLater(question(join(dir, name))), seen, name)
  }
  t.match(lookNow(question('/bin/sh')).interpreter, /\/ld-/)
  t.match((await lookLater(question('/bin/sh'))).interpreter, /\/ld-/)
})

t.test('a loader that is named far behind the head of the file is found', async (t) => {
  const dir = t.testdir({})
  const program = Buffer.alloc(20_000)
  program.writeUInt32LE(0x464c457f, 0)
  program.writeBigUInt64LE(64n, 32)
  program.writeUInt16LE(56, 54)
  program.writeUInt16LE(1, 56)
  program.writeUInt32LE(3, 64)
  program.writeBigUInt64LE(15_000n, 64 + 8)
  program.writeBigUInt64LE(9n, 64 + 32)
  program.write('/far/ld.1\0', 15_000)
  const path = join(dir, 'program')
  writeFileSync(path, program)
  chmodSync(path, 0o755)
  t.equal(lookNow(question(path)).interpreter, '/far/ld.1')
  t.equal((await lookLater(question(path))).interpreter, '/far/ld.1')
  t.equal(loaderPlace(Buffer.alloc(10)), undefined)
})
