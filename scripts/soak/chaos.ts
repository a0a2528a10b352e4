// Fills the disk of the daemon for a moment, and moves its clock, now and then. It undoes both. The clients themselves
// cut connections (client.ts).

import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../test/support/random.ts'
import type { Ground } from '../faults/ground.ts'

/** Time between two acts. */
const EVERY_MS = { least: 10_000, most: 40_000 }
const LONGEST_MS = 2000
const JUMPS = ['+1h', '-1h', '+262s', '-262s'] as const

/** Runs until the signal. Returns how often each act was done. */
export async function disturb(ground: Ground, random: Random, signal: AbortSignal): Promise<Record<string, number>> {
  const acts = [...(ground.hasDisk ? [fillDisk] : []), ...(ground.clock === undefined ? [] : [moveClock])]
  const done: Record<string, number> = {}
  while (!signal.aborted && acts.length > 0) {
    const wait = EVERY_MS.least + random.below(EVERY_MS.most - EVERY_MS.least)
    await pause(wait, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) break
    const act = random.pick(acts)
    await act(ground, random)
    done[act.name] = (done[act.name] ?? 0) + 1
  }
  return done
}

async function fillDisk({ files }: Ground, random: Random): Promise<void> {
  const path = join(files, 'filler~') // watchers leave it out
  const file = openSync(path, 'w')
  for (let step = 1024 * 1024; step >= 1;) {
    try {
      writeSync(file, Buffer.alloc(step))
    } catch {
      step = Math.floor(step / 4)
    }
  }
  closeSync(file)
  await pause(random.below(LONGEST_MS))
  rmSync(path)
}

async function moveClock({ clock }: Ground, random: Random): Promise<void> {
  if (clock === undefined) return
  writeFileSync(clock.file, `${random.pick(JUMPS)}\n`)
  await pause(random.below(LONGEST_MS))
  writeFileSync(clock.file, '+0\n')
}
