// Counts failed authentication per remote address (contract 18: 429 with Retry-After): a budget that refills
// steadily, with one second's worth as burst. Memory is bounded: the address that failed first is forgotten.

/** Addresses remembered at once, about 1.5 MB; forgetting one only gives it a fresh budget. */
const ADDRESS_LIMIT = 10_000

export interface FailedAttempts {
  /** Whole seconds until this address may fail again; 0: now. */
  wait(address: string): number
  /** Counts one failure; the seconds to wait where the budget was used up before it, else 0. */
  count(address: string): number
}

interface Budget {
  left: number
  /** When `left` was reckoned, ms on a monotonic clock. */
  at: number
}

/** `perSecond` 0: nothing is limited. */
export function openFailedAttempts(perSecond: number, now: () => number = () => performance.now()): FailedAttempts {
  const budgets = new Map<string, Budget>()

  const refilled = (address: string): Budget | undefined => {
    const budget = budgets.get(address)
    if (budget === undefined) return undefined
    const at = now()
    budget.left = Math.min(perSecond, budget.left + ((at - budget.at) / 1000) * perSecond)
    budget.at = at
    return budget
  }
  const waitOf = (budget: Budget): number =>
    budget.left >= 1 ? 0 : Math.max(1, Math.ceil((1 - budget.left) / perSecond))

  return {
    wait(address) {
      const budget = refilled(address)
      return perSecond === 0 || budget === undefined ? 0 : waitOf(budget)
    },
    count(address) {
      if (perSecond === 0) return 0
      const budget = refilled(address) ?? remember(budgets, address, { left: perSecond, at: now() })
      const wait = waitOf(budget)
      if (wait === 0) budget.left--
      return wait
    },
  }
}

function remember(budgets: Map<string, Budget>, address: string, budget: Budget): Budget {
  const [oldest] = budgets.keys()
  if (budgets.size >= ADDRESS_LIMIT && oldest !== undefined) budgets.delete(oldest)
  budgets.set(address, budget)
  return budget
}
