// `status`: one line for people about the running daemon, or the whole of GET /health/detail as JSON; and the look at
// that daemon that other commands share. It is asked over HTTP as any client would ask. Exit code 0 if it serves, 3 if
// nothing serves (as in systemctl), 1 if another program answers.

import { connect } from 'node:net'
import type { Condition } from '../base/conditions.ts'
import { errnoOf } from '../base/fault.ts'
import { readAddress } from '../config/address-file.ts'
import { reachable } from '../transports/origin.ts'

export interface StatusOptions {
  readonly address: Address
  readonly token: () => Promise<string | undefined>
  readonly json: boolean
  readonly print: (text: string) => void
}

/** Resolves with the exit code. */
export async function status({ address, token, json, print }: StatusOptions): Promise<number> {
  const answer = await askDaemon(address, token)
  const url = urlOf(address)
  if (answer.kind === 'ours') {
    print(json ? `${JSON.stringify(answer.detail, undefined, 2)}\n` : `${statusLine(url, answer.detail)}\n`)
    return 0
  }
  const [code, says] = {
    nothing: [3, `not running: nothing answers at ${url}`] as const,
    stranger: [
      1,
      `a workspace runtime serves ${url}, but this is not its token (--token-file, STATE_DIRECTORY)`,
    ] as const,
    other: [1, `another program serves ${url}`] as const,
  }[answer.kind]
  print(json ? `${JSON.stringify({ running: false, reason: says })}\n` : `${says}\n`)
  return code
}

/** Returns the line. Exported for its test. */
export function statusLine(url: string, detail: Detail): string {
  const { version, pid, counts, memory, event_loop: loop, problems } = detail
  const parts = [
    `running for ${duration(detail.uptime_seconds)}`,
    plural(counts.execs, 'command'),
    plural(counts.terminals, 'terminal'),
    plural(counts.watchers, 'watcher'),
    ...(memory.resident_bytes === undefined ? [] : [`${Math.round(memory.resident_bytes / 1024 / 1024)} MiB`]),
    `event loop ${Math.round(loop.utilization * 100)} % busy`,
    problems.length === 0 ? 'no problems' : `${plural(problems.length, 'problem')}: ${problems.join('; ')}`,
  ]
  return `workspace-runtime ${version} on ${url} (process ${pid}): ${parts.join(', ')}`
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

/** Returns the two largest units: "3 d 4 h", "12 s". */
function duration(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const
  let left = Math.floor(seconds)
  const parts = units.map(([name, size]) => {
    const count = Math.floor(left / size)
    left -= count * size
    return { name, count }
  })
  const first = parts.findIndex(({ count }) => count > 0)
  const shown = parts.slice(first, first + 2).filter(({ count }) => count > 0)
  return first === -1 ? '0 s' : shown.map(({ name, count }) => `${count} ${name}`).join(' ')
}

/** The kind of program that answers at the address. */
export type Answering =
  | { readonly kind: 'nothing'; readonly reason: string }
  | { readonly kind: 'other' }
  /** A workspace runtime that refuses our token; undefined: its detail was not asked for. */
  | { readonly kind: 'stranger' }
  | { readonly kind: 'ours'; readonly detail: Detail }

/** The part of GET /health/detail that is used here. */
export interface Detail {
  readonly version: string
  readonly commit: string
  readonly pid: number
  readonly uptime_seconds: number
  readonly problems: readonly string[]
  /** Absent: the daemon that answers is older than 0.2.0. */
  readonly conditions?: readonly Condition[]
  readonly event_loop: { readonly delay_p99_ms: number; readonly utilization: number }
  readonly memory: { readonly resident_bytes?: number }
  readonly counts: Readonly<Record<'execs' | 'terminals' | 'watchers' | 'connections', number>>
}

const ANSWER_MS = 5_000

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * Returns the address on the command line; else the one that the daemon of this state directory wrote, if it still
 * serves; else the configuration's.
 */
export async function findDaemon(config: {
  readonly host: string
  readonly port: number
  readonly addressGiven: boolean
  readonly stateDirectory: string
}): Promise<Address> {
  const { host, port } = config
  const told = config.addressGiven ? undefined : await readAddress(config.stateDirectory)
  if (told === undefined) return { host, port }
  const url = new URL(told)
  const address = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port === '' ? 80 : url.port) }
  const answer = await askDaemon(address, async () => undefined)
  return answer.kind === 'stranger' ? address : { host, port }
}

export const urlOf = ({ host, port }: Address): string => `http://${reachable(host)}:${port}`

/** Asks the daemon. Calls `token` only once a daemon that takes one answers. */
export async function askDaemon(address: Address, token: () => Promise<string | undefined>): Promise<Answering> {
  const refused = await refusal(address)
  if (refused !== undefined) return { kind: 'nothing', reason: refused }
  try {
    const health = (await get(address, '/health')) as { readonly status?: unknown } | undefined
    if (health?.status !== 'ok') return { kind: 'other' }
    const known = await token()
    const detail = known === undefined ? undefined : await get(address, '/health/detail', known)
    return detail === undefined ? { kind: 'stranger' } : { kind: 'ours', detail: detail as Detail } // our own format
  } catch {
    return { kind: 'other' }
  }
}

/** Returns the working directory of the daemon that answers there and takes this token; undefined: it does not tell. */
export async function workdirAt(address: Address, token: string | undefined): Promise<string | undefined> {
  if (token === undefined || (await refusal(address)) !== undefined) return undefined
  try {
    const { workdir } = ((await get(address, '/runtime', token)) ?? {}) as { readonly workdir?: unknown }
    return typeof workdir === 'string' ? workdir : undefined
  } catch {
    return undefined // another program's answer
  }
}

/** Returns the JSON of a success; undefined for anything else. */
async function get(address: Address, path: string, token?: string): Promise<unknown> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(urlOf(address) + path, { headers, signal: AbortSignal.timeout(ANSWER_MS) })
  const text = await response.text()
  return response.ok ? JSON.parse(text) : undefined
}

/** Returns why the address cannot be reached; undefined: a program accepts connections. */
async function refusal({ host, port }: Address): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const socket = connect({ host: reachable(host).replace(/^\[|\]$/g, ''), port, timeout: ANSWER_MS })
  socket.once('connect', () => resolve(undefined))
  socket.once('timeout', () => resolve('ETIMEDOUT'))
  socket.once('error', (error) => resolve(errnoOf(error) ?? error.message))
  try {
    return await promise
  } finally {
    socket.destroy()
  }
}
