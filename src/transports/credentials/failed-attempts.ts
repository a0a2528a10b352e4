// Counts failed authentication per remote address (429 with Retry-After): a budget that refills steadily, with one
// second's worth as burst. It decides only how a failure is answered, never whether a valid credential passes.
// Addresses of one IPv6 /64 share a budget, since one host has all of them (RFC 6177). Memory is bounded: the address
// that failed first is forgotten.

/** Addresses remembered at once, about 1.5 MB; forgetting one only gives it a fresh budget. */
const ADDRESS_LIMIT = 10_000

export interface FailedAttempts {
  /** Counts one failure; returns the seconds to wait if the budget was used up before it, else 0. */
  count(address: string): number
}

interface Budget {
  left: number
  /** Time at which `left` was computed, in ms on a monotonic clock. */
  at: number
}

/** Opens the counter. `perSecond` 0: no limit. */
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
    count(address) {
      if (perSecond === 0) return 0
      const network = networkOf(address)
      const budget = refilled(network) ?? remember(budgets, network, { left: perSecond, at: now() })
      const wait = waitOf(budget)
      if (wait === 0) budget.left--
      return wait
    },
  }
}

/**
 * Returns the part of an address that belongs to one host: an IPv4 address, also if it is written as IPv6
 * (`::ffff:192.0.2.1`), and of any other IPv6 address the first 64 bits (RFC 6177).
 */
export function networkOf(address: string): string {
  const bare = address.replace(/%.*$/, '') // the zone of a link-local address
  if (!bare.includes(':')) return bare
  const embedded = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1]
  if (embedded !== undefined) return embedded
  const [head = '', tail] = bare.toLowerCase().split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  // An embedded IPv4 address at the end stands for two groups.
  const groups = front.length + back.length + (bare.includes('.') ? 1 : 0)
  const all = tail === undefined ? front : [...front, ...Array<string>(Math.max(0, 8 - groups)).fill('0'), ...back]
  return `${all.slice(0, 4).join(':')}::/64`
}

function remember(budgets: Map<string, Budget>, address: string, budget: Budget): Budget {
  const [oldest] = budgets.keys()
  if (budgets.size >= ADDRESS_LIMIT && oldest !== undefined) budgets.delete(oldest)
  budgets.set(address, budget)
  return budget
}
