// Mutated requests, reduced (reliability H-15): nothing ends or blocks the daemon, nothing is a failure of
// ours, memory stays flat. Replay with FUZZ_SEED; the histogram says how far the requests came.

import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { catalog } from '../../src/catalog.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { seeded, type Random } from '../support/random.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261120)
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 3000)

/** Values that have broken somebody. */
const WORDS = [
  '',
  '/',
  '/tmp',
  '..',
  '%00',
  '-1',
  '1e999',
  'NaN',
  '__proto__',
  'true',
  '[]',
  '{}',
  '\u0000',
  '💥',
  '/dev/zero',
  '/proc/self/mem',
  '*'.repeat(40),
  '{1..99}',
  '(a+)+$',
  'x'.repeat(2000),
  'null',
  '4294967296',
  '0x10',
]

const isMutating = (path: string): boolean => /delete|write|mkdir|move|copy|chmod|raw|upload/.test(path)

/** Fields that say where something is changed. */
const PLACES = new Set(['path', 'to', 'destination', 'dest'])

function fieldsOf(random: Random, names: readonly string[], directory: string): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const name of names) {
    if (random.next() < 0.4) continue
    const values: unknown[] = [
      random.pick(WORDS),
      random.below(1000),
      -1,
      1.5,
      true,
      null,
      [random.pick(WORDS)],
      { a: 1 },
      directory,
    ]
    fields[name] = random.pick(values)
  }
  return fields
}

/** What could do harm on the machine that runs the tests is kept inside the test's folder. */
function harmless(path: string, fields: Record<string, unknown>, directory: string): Record<string, unknown> {
  if (isMutating(path)) {
    const inside = (value: unknown): string => `${directory}/${String(value ?? '').replaceAll(/[^a-z]/g, '')}x`
    const places = Object.entries({ path: undefined, dest: undefined, ...fields }).filter(([key]) => PLACES.has(key))
    return { ...fields, ...Object.fromEntries(places.map(([key, value]) => [key, inside(value)])) }
  }
  if (path.startsWith('/exec')) return { ...fields, command: ['true'], cmd: undefined, timeout_seconds: 1 }
  return 'path' in fields && fields['path'] === '/' ? { ...fields, path: directory } : fields
}

function request(random: Random, directory: string): string {
  const op = random.pick(catalog)
  const route = random.pick(op.routes)
  const names = [...Object.keys(op.input.properties), ...Object.keys(op.aliases ?? {}), 'nonsense']
  const fields = harmless(route.path, fieldsOf(random, names, directory), directory)
  const overMcp = random.next() < 0.3
  const auth = random.next() < 0.75 ? `Authorization: Bearer ${TOKEN}\r\n` : ''
  const path = route.path.replace(':id', String(random.below(50)))
  const query = new URLSearchParams(
    Object.entries(fields).flatMap(([key, value]): [string, string][] =>
      value === undefined ? [] : [[key, String(value)]],
    ),
  ).toString()
  const method = overMcp ? 'POST' : route.method
  const inQuery = method === 'GET' || route.body === 'bytes'
  const target = overMcp ? '/mcp' : inQuery ? `${path}?${query}` : path
  const message = {
    jsonrpc: '2.0',
    id: random.below(9),
    method: 'tools/call',
    params: { name: op.name, arguments: fields },
  }
  const body = method === 'GET' ? '' : JSON.stringify(overMcp ? message : fields)
  const type = random.next() < 0.9 ? 'Content-Type: application/json\r\n' : ''
  return `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${auth}${type}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Some requests whole, most with a few bytes changed, cut, doubled or made of noise. */
function mutated(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text)
  if (random.next() < 0.4) return bytes
  const floor = random.next() < 0.7 ? Math.max(0, bytes.indexOf('\r\n\r\n')) : 0 // mostly behind the headers
  for (let i = 0; i < 1 + random.below(4); i++) bytes[floor + random.below(bytes.length - floor)] = random.below(256)
  if (random.next() < 0.2) return bytes.subarray(0, random.below(bytes.length))
  return random.next() < 0.1 ? Buffer.concat([bytes, bytes]) : bytes
}

/** The status of the answer; 0 where the connection ended without one. */
async function send(daemon: Daemon, bytes: Buffer): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const socket = connect(daemon.port, '127.0.0.1', () => socket.end(bytes))
  let status = 0
  socket.on(
    'data',
    (chunk: Buffer) => (status ||= Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1] ?? 0)),
  )
  socket.on('error', () => undefined).on('close', () => resolve(status))
  const timer = setTimeout(() => socket.destroy(), 15_000)
  const result = await promise
  clearTimeout(timer)
  return result
}

const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024

t.test('H-15 mutated requests, reduced', { timeout: 110_000 }, async (t) => {
  const daemon = await startDaemon(t, { config: { limits: { failed_auth: 10_000 } } })
  const random = seeded(SEED)
  const histogram = new Map<number, number>()
  const lane = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const status = await send(daemon, mutated(random, request(random, daemon.directory)))
      histogram.set(status, (histogram.get(status) ?? 0) + 1)
    }
  }
  // The first half opens whatever is opened at need (workers, pools); what grows after it would grow for ever.
  const half = (): Promise<unknown> => Promise.all(Array.from({ length: 6 }, () => lane(ROUNDS / 12)))
  await half()
  const before = residentMiB(daemon.pid)
  await half()
  t.comment(
    `seed ${SEED}, ${ROUNDS} requests, statuses ${JSON.stringify(Object.fromEntries([...histogram].sort((a, b) => a[0] - b[0])))}`,
  )
  t.notOk(
    histogram.has(500) && daemon.stderr().includes('internal_error'),
    `no failure of ours: ${daemon.stderr().slice(-2000)}`,
  )
  t.ok((histogram.get(200) ?? 0) > ROUNDS / 20, 'many came through')
  t.ok(residentMiB(daemon.pid) - before < 64, `memory is flat: +${Math.round(residentMiB(daemon.pid) - before)} MiB`)
  t.match(await daemon.call('GET', '/runtime'), { status: 200 })
  await daemon.call('DELETE', '/exec')
})
