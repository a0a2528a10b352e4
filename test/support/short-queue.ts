// Opens watches whose queue in the kernel is short, so that it overflows. The setting belongs to the whole machine, so
// it is low for the shortest possible time. A guard restores it: a shell in another session whose stdin ends with the
// test, also with a killed one. scripts/queued-events.ts restores it after a killed guard.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { createInterface } from 'node:readline'
import { MEND, NOTE, QUEUE } from '../../scripts/queued-events.ts'

/** Events that a queue opened by `withShortQueue` holds. */
const SHORT = 64

/** The note is written before the setting is lowered, and emptied when it is back. */
const GUARD = `trap "" HUP INT TERM; ${MEND} cat "$1" >"$2"; read was <"$2"; echo ${SHORT} >"$1" && echo low; read x; echo "$was" >"$1"; : >"$2"`

/** Why the setting may not be lowered; false: it may. */
export const NO_SYSCTL: string | false = mayLower() ? false : `${QUEUE} may not be written here`

function mayLower(): boolean {
  try {
    accessSync(QUEUE, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Queues of the kernel that are opened during `work` hold 64 events; so do those of others: make it short. */
export async function withShortQueue<T>(work: () => Promise<T>): Promise<T> {
  const guard = spawn('sh', ['-c', GUARD, 'sh', QUEUE, NOTE], {
    detached: true,
    // Without the mark by which the runner finds and kills what a run has left.
    env: { PATH: process.env['PATH'] },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exit = once(guard, 'exit')
  try {
    const line = once(createInterface(guard.stdout), 'line')
    const [said] = (await Promise.race([line, exit])) as [unknown]
    if (said !== 'low') throw new Error(`${QUEUE} was not lowered; the guard said ${String(said)}`)
    return await work()
  } finally {
    guard.stdin.end()
    await exit
  }
}
