// Compares the watchers' reports with the disk while no client writes: in the middle of a run, and at its end. Only
// there can a lost change be seen: a watcher that starts anew has looked for itself.

import { setTimeout as pause } from 'node:timers/promises'
import type { Account } from './clients/watchers.ts'
import type { Gate } from './gate.ts'

/** Time in which clients come to rest; commands are not waited for. */
const REST_MS = 10_000
/** Time in which the last reports arrive. */
const QUIET_MS = 10_000

/** Notes the accounts as soon as all equal the disk, or at the deadline. */
export async function audit(accounts: readonly Account[]): Promise<void> {
  const deadline = performance.now() + QUIET_MS
  for (;;) {
    const states = accounts.map((account) => account.compare())
    if (!states.every(({ equal }) => equal) && performance.now() < deadline) await pause(50)
    else return accounts.forEach((account, index) => account.note(states[index] ?? account.compare()))
  }
}

/** Does the same with the gate closed, which holds `writers` clients. False if they did not come to rest. */
export async function auditAtRest(accounts: readonly Account[], gate: Gate, writers: number): Promise<boolean> {
  gate.close()
  try {
    const deadline = performance.now() + REST_MS
    while (gate.held < writers && performance.now() < deadline) await pause(20)
    if (gate.held < writers) return false
    await audit(accounts)
    return true
  } finally {
    gate.open()
  }
}
