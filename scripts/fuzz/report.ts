// Prints the result of a run: for a reader, and as JSON.

import { HANG_MS, NOISE_MIB, PEAK_MIB, SLOPE_MIB, type Memory, type Outcome, type Tally } from './tally.ts'

export function report({ name, tally, seconds, watched, memory, problems }: Outcome): string {
  const { cases } = tally
  const rate = Math.round(cases / Math.max(seconds, 0.001))
  const lines = [
    `${problems.length === 0 ? 'held  ' : 'FAILED'} ${name}: ${cases} cases in ${seconds.toFixed(1)} s (${rate}/s)`,
    `  answers     ${histogram(tally.answers)}`,
    ...(tally.authenticated === 0 ? [] : [`  with token  ${((100 * tally.authenticated) / cases).toFixed(1)} %`]),
    `  slowest     ${slowest(tally)}${probes(watched)} (limit ${HANG_MS} ms)`,
    `  memory      ${levels(memory)}`,
    ...problems.map((problem) => `  FAILED      ${problem}`),
  ]
  return lines.join('\n')
}

function slowest({ slowest: { index, ms }, slow }: Tally): string {
  const again = slow === 0 ? '' : `; ${slow} cases were slow at first and were tried again`
  return `case ${index} ${Math.round(ms)} ms${again}`
}

function levels({ lowest, peak, slope }: Memory): string {
  const tenths = lowest.map((mib) => mib.toFixed(1)).join(' ')
  return (
    `lowest of each tenth of the second half ${tenths}, highest of all ${peak.toFixed(1)} MiB (limit ${PEAK_MIB}); ` +
    `${slope.toFixed(2)} MiB in 100,000 cases (limit ${SLOPE_MIB}, in long runs, from ${NOISE_MIB} MiB on)`
  )
}

function probes({ probes: number, slowest }: Outcome['watched']): string {
  return number === 0 ? '' : `, ${number} health probes ${Math.round(slowest)} ms at most`
}

function histogram(answers: ReadonlyMap<string, number>): string {
  return [...answers]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([answer, times]) => `${answer} ${times}`)
    .join(', ')
}

export function asJson(seed: number, outcomes: readonly Outcome[]): string {
  const fuzzers = outcomes.map(({ name, tally, seconds, watched, memory, problems }) => ({
    name,
    cases: tally.cases,
    seconds,
    answers: Object.fromEntries(tally.answers),
    authenticated: tally.authenticated,
    slowest_case: tally.slowest,
    slow_at_first: tally.slow,
    health: { probes: watched.probes, slowest_ms: watched.slowest },
    memory_mib: memory,
    problems,
  }))
  return JSON.stringify({ seed, fuzzers }, null, 2)
}
