// `status`: one line for people about the running daemon, or the whole of GET /health/detail as JSON. Exit code 0
// where it serves, 3 where nothing does (as systemctl has it), 1 where what answers is not this daemon.

import { askDaemon, urlOf, type Address, type Detail } from './local-daemon.ts'

export interface StatusOptions {
  readonly address: Address
  readonly token: () => Promise<string | undefined>
  readonly json: boolean
  readonly print: (text: string) => void
}

/** The exit code. */
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

/** Exported for its test. */
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

/** The two largest units: "3 d 4 h", "12 s". */
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
