// Counts of calls and of losses, in plain numbers: a count costs less than a microsecond, and the daemon renders the
// numbers only when a client asks (operations/metrics.ts). Families of operations and closed lists are the only keys,
// and families beyond a limit count as one, so memory is bounded. Also frees the memory of chunks.

export const VIAS = ['rest', 'mcp'] as const
export type Via = (typeof VIAS)[number]

/** Outcomes of a call. `left`: its caller had gone. */
export const OUTCOMES = ['2xx', '4xx', '5xx', 'left'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Upper bounds in seconds; most calls take half a millisecond, gateways wait 60 s (protocol.md#proxy). */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

/** Families counted apart, four times what the product has; the calls of further ones are counted together. */
export const MOST_FAMILIES = 200
/** Name of the family that counts all further ones. */
const OTHERS = 'other'

/** The calls of one family of operations, which for a built-in one is that operation. */
export interface CallCounts {
  /** Number of ended calls by way in, then by outcome. */
  readonly ended: Readonly<Record<Via, Record<Outcome, number>>>
  /** Calls at or below each bound and above the one before; the last counts calls longer than all bounds. */
  readonly latencies: number[]
  /** Seconds of all calls together. */
  seconds: number
}

export class CallTally {
  readonly #counts = new Map<string, CallCounts>()

  count(family: string, via: Via, outcome: Outcome, seconds: number): void {
    const counts = this.#counts.get(family) ?? this.#first(family)
    counts.ended[via][outcome]++
    let bucket = 0
    while (bucket < LATENCY_BOUNDS.length && seconds > (LATENCY_BOUNDS[bucket] ?? 0)) bucket++
    counts.latencies[bucket] = (counts.latencies[bucket] ?? 0) + 1
    counts.seconds += seconds
  }

  /** Returns the families that have been called. */
  entries(): IterableIterator<[string, CallCounts]> {
    return this.#counts.entries()
  }

  #first(called: string): CallCounts {
    const family = this.#counts.size < MOST_FAMILIES ? called : OTHERS
    const known = this.#counts.get(family)
    if (known !== undefined) return known
    const none = () => ({ '2xx': 0, '4xx': 0, '5xx': 0, left: 0 })
    const counts = {
      ended: { rest: none(), mcp: none() },
      latencies: Array.from({ length: LATENCY_BOUNDS.length + 1 }, () => 0),
      seconds: 0,
    }
    this.#counts.set(family, counts)
    return counts
  }
}

/** HTTP responses by the first digit of their status, of every route. */
export type ResponseTally = Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx', number>

export function responseClass(status: number): keyof ResponseTally {
  if (status >= 500) return '5xx'
  if (status >= 400) return '4xx'
  if (status >= 300) return '3xx'
  return status >= 200 ? '2xx' : '1xx'
}

/**
 * Losses since the start of the process, each counted where it is announced to a client. They belong to the process and
 * not to a daemon: their owners lie four levels below what serve opens, and a process has one daemon.
 */
export const losses = {
  /** Gaps in the output of terminals, and the bytes that clients missed in them. */
  terminalGaps: 0,
  terminalGapBytes: 0,
  /** Watcher overflows, and scans that have made up for them. */
  watcherOverflows: 0,
  watcherResyncs: 0,
  /** Output streams of commands that were cut in a reply, and readers that came after their beginning was dropped. */
  execTruncations: 0,
  execGaps: 0,
}

/**
 * Frees the memory of a used chunk that shares it with nothing else; leaves any other alone. The collector sees only
 * its small object, and would let some 80 MB of bodies gather before it collects.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength > 0 && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/**
 * Returns the memory of a buffer of `bufferBytes` that a compressor fills piece by piece, once `piece` is its last: the
 * compressor has gone on to another. Of any other piece nothing is done.
 */
export function giveBackEnd({ buffer, byteOffset, byteLength }: Uint8Array, bufferBytes: number): void {
  const own = buffer instanceof ArrayBuffer && buffer.byteLength === bufferBytes
  if (own && byteOffset + byteLength === bufferBytes) buffer.transfer(0)
}
