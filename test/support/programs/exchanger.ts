// Plays another user of the machine, uid 65534, who changes what paths lead to, as fast as possible, until it is
// killed. `node exchanger.ts exchange A B` exchanges two names. `node exchanger.ts replace NAME TARGET` moves away the
// file that appears as NAME, puts a link to TARGET there for a moment, and removes both.

import { renameSync, rmSync, symlinkSync, unlinkSync, writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { libc } from '../../../src/native/libc.ts'

const NOBODY = 65534
const RENAME_EXCHANGE = 2
const AT_FDCWD = -100
const SYS_RENAMEAT2 = process.arch === 'arm64' ? 276 : 316

/** Steps between two looks for signals. */
const ROUND = 200
/** Longest pause between two steps, in microseconds: each pace meets another gap. */
const PAUSES_US = [0, 5, 20, 80, 300]

const [what = '', one = '', other = ''] = process.argv.slice(2)
const syscall5 = libc.func('long syscall(long number, long a, const char *b, long c, const char *d, long e)')
syscall5(SYS_RENAMEAT2, AT_FDCWD, '/nonexistent', AT_FDCWD, '/nonexistent', RENAME_EXCHANGE) // loaded while still root
process.setgroups?.([])
process.setgid?.(NOBODY)
process.setuid?.(NOBODY)

function pause(round: number): void {
  const most = PAUSES_US[round % PAUSES_US.length] ?? 0
  const until = performance.now() + (Math.random() * most) / 1000
  while (performance.now() < until);
}

const steps: Record<string, () => void> = {
  exchange: () => void syscall5(SYS_RENAMEAT2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE),
  replace() {
    const away = `${one}-${Math.random().toString(36).slice(2)}`
    try {
      renameSync(one, away)
      symlinkSync(other, one)
    } catch {
      return // nothing has appeared
    }
    const until = performance.now() + Math.random()
    while (performance.now() < until);
    unlinkSync(one)
    rmSync(away, { recursive: true, force: true })
  },
}

writeSync(1, 'ready\n')
for (let round = 0; ; round++) {
  for (let i = 0; i < ROUND; i++) {
    try {
      steps[what]?.()
    } catch {
      // the daemon was quicker
    }
    pause(round)
  }
  await setImmediate()
}
