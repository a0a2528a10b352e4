// What a run says: for a reader, and as JSON.

import { HANG_MS, NOISE_MIB, SLOPE_MIB, type Outcome } from './tally.ts'

export function report({ name, tally, seconds, watched, memory, problems }: Outcome): string {
  const { cases, slowest } = tally
  const rate = Math.round(cases / Math.max(seconds, 0.001))
  const lines = [
    `${problems.length === 0 ? 'held  ' : 'FAILED'} ${name}: ${cases} cases in ${seconds.toFixed(1)} s (${rate}/s)`,
    `  answers     ${histogram(tally.answers)}`,
    ...(tally.authenticated === 0 ? [] : [`  with token  ${((100 * tally.authenticated) / cases).toFixed(1)} %`]),
    `  slowest     case ${slowest.index} ${Math.round(slowest.ms)} ms${tally.slow > 0 ? `, ${tally.slow} cases slow at first, not when tried again but for what is below` : ''}${probes(watched)} (limit ${HANG_MS} ms)`,
    `  memory      lowest of each tenth ${memory.lowest.map((mib) => mib.toFixed(1)).join(' ')}, highest ${memory.peak.toFixed(1)} MiB; ` +
      `${memory.slope.toFixed(2)} MiB in 100,000 cases (limit ${SLOPE_MIB}; in short runs ${NOISE_MIB} in all)`,
    ...problems.map((problem) => `  FAILED      ${problem}`),
  ]
  return lines.join('\n')
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
