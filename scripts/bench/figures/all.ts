// The figures by number; some have several parts.

import type { Figure } from '../figure.ts'
import { archives } from './archives.ts'
import { childStart } from './child-start.ts'
import { contentSearch } from './content-search.ts'
import { execLatency } from './exec-latency.ts'
import { execLong } from './exec-long.ts'
import { execOutput } from './exec-output.ts'
import { listings } from './listings.ts'
import { nameSearch } from './name-search.ts'
import { rawFiles } from './raw-files.ts'
import { requests } from './requests.ts'
import { startUp } from './start.ts'
import { terminalOutput } from './terminal-output.ts'
import { underLoad } from './under-load.ts'
import { watching } from './watching.ts'

export const FIGURES: Readonly<Record<string, readonly Figure[]>> = {
  1: [execLatency, childStart],
  2: [requests],
  3: [listings],
  4: [nameSearch],
  5: [contentSearch],
  6: [execOutput, terminalOutput],
  7: [watching],
  8: [startUp],
  9: [underLoad],
  10: [archives, rawFiles],
}

/** Figures that run only if they are named. */
export const ON_DEMAND: Readonly<Record<string, readonly Figure[]>> = { 'exec-long': [execLong] }

/** Milliseconds after which a figure counts as hanging; most take 10 to 30 s on two cores. */
export const DEADLINE_MS = 90_000
const LONG: ReadonlyMap<Figure, number> = new Map([
  [archives, 420_000], // gzip of 1 GiB takes half a minute, several times
  [rawFiles, 180_000],
  [execLong, 1_800_000], // 100,000 commands of about a millisecond on a quiet machine, and more on a busy one
])

export const deadlineOf = (figure: Figure): number => LONG.get(figure) ?? DEADLINE_MS
