// The finding of one check of `doctor`, and its text. Pure.

import type { Condition, ConditionKind } from '../../base/conditions.ts'

export interface Finding {
  /** Subject of the check, in a word or two. */
  readonly what: string
  /** `warn`: the daemon serves, with less; `fail`: it does not serve, or not safely. */
  readonly state: 'ok' | 'warn' | 'fail'
  readonly says: string
  /** Advice; absent if all is well. */
  readonly todo?: string
  /** Id of the health condition that a running daemon has for the same trouble. */
  readonly condition?: string
}

/** One check; `doctor` calls it once, and an error that it throws becomes a finding. */
export interface Check {
  readonly what: string
  /** Paths that the check looks at: if one does not answer, that is the finding. */
  readonly needs?: readonly string[]
  readonly look: () => Finding | Promise<Finding>
}

export function ok(what: string, says: string): Finding {
  return { what, state: 'ok', says }
}

export function warn(what: string, says: string, todo: string): Finding {
  return { what, state: 'warn', says, todo }
}

export function fail(what: string, says: string, todo: string): Finding {
  return { what, state: 'fail', says, todo }
}

/** Returns the finding of a health condition, in the words of its kind unless `todo` has better ones. */
export function found(what: string, kind: ConditionKind, says: string, todo = kind.todo): Finding {
  return { what, state: kind.severity === 'error' ? 'fail' : 'warn', says, todo, condition: kind.id }
}

/** Returns the conditions that a running daemon tells, without those of the `known` findings. */
export function foundRunning(conditions: readonly Condition[], known: readonly Finding[]): readonly Finding[] {
  return conditions
    .filter(({ id }) => !known.some(({ condition }) => condition === id))
    .map((one) => found('running daemon', one, one.message))
}

const SHOWN = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const
/** Characters of the longest `what`. */
const COLUMN = 16

/** Returns a line for each finding, with advice on a second one. */
export function shown(findings: readonly Finding[]): string {
  return findings
    .map(({ what, state, says, todo }) => {
      const line = `${SHOWN[state]}  ${what.padEnd(COLUMN)}  ${says}\n`
      return todo === undefined ? line : `${line}${' '.repeat(COLUMN + 8)}→ ${todo}\n`
    })
    .join('')
}

/** Returns the sum in one line. */
export function summed(findings: readonly Finding[]): string {
  const count = (state: Finding['state']): number => findings.filter((one) => one.state === state).length
  const [failed, warned] = [count('fail'), count('warn')]
  if (failed === 0) return warned === 0 ? 'all is well\n' : `it serves; ${plural(warned, 'warning')}\n`
  return `${plural(failed, 'failure')}, ${plural(warned, 'warning')}\n`
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
