// The operations on terminals as the gate runs them: fields, defaults, statuses; following without a socket; and
// typing and resizing, whose tools are in a toolset that is off by default.

import t, { type Test } from 'tap'
import { readInput } from '../../src/intake/intake.ts'
import type { Call, Operation } from '../../src/operation.ts'
import * as looking from '../../src/operations/terminals.ts'
import * as typing from '../../src/operations/terminal-typing.ts'
import type { Workspace } from '../../src/workspace/workspace.ts'
import type { TerminalsOptions } from '../../src/workspace/terminals/terminals.ts'
import { openTestTerminals } from '../support/terminals.ts'
import { until } from '../support/until.ts'
import { EVERYTHING } from '../../src/workspace/files/opening/access.ts'

const ops = { ...looking, ...typing }

/** Every field an operation on terminals answers with. */
interface Answer {
  readonly id: string
  readonly command: readonly string[]
  readonly alive: boolean
  readonly exit_code: number
  readonly cols: number
  readonly created_at: string
  readonly terminals: readonly Answer[]
  readonly terminal_id: string
  readonly scrollback: string
  readonly size: number
  readonly scrollback_size: number
  readonly from: number
  readonly to: number
  readonly next: number
  readonly gap_bytes: number
  readonly lossy?: boolean
  readonly life: string
  readonly gap?: { readonly from: number; readonly to: number; readonly reason: string }
  readonly bytes_written: number
}

function openBench(t: Test, options: Partial<TerminalsOptions> = {}) {
  const terminals = openTestTerminals(t, options)
  const workspace = { terminals } as unknown as Workspace // these operations ask for nothing else
  const run = async (op: unknown, raw: Record<string, unknown> = {}, more: Partial<Call> = {}): Promise<Answer> => {
    const declared = op as Operation
    const { input } = readInput(declared, raw, { unknown: 'report' })
    return (await declared.run(input, {
      workspace,
      access: EVERYTHING,
      signal: new AbortController().signal,
      ...more,
    })) as unknown as Answer // each operation fills its part
  }
  const ended = (id: string): Promise<unknown> => terminals.get(id).ended
  return { terminals, run, ended }
}

const text = (answer: Answer): string => Buffer.from(answer.scrollback, 'base64').toString()

t.test('create, list, delete: the fields of a terminal', async (t) => {
  const { run, ended } = openBench(t)
  const made = await run(ops.terminalCreate, {
    cmd: ['sh', '-c', 'exit 7'],
    cols: '100',
    rows: 30,
    scrollback_size: 1e9,
  })
  t.match(made, { id: '1', command: ['sh', '-c', 'exit 7'], cols: 100, rows: 30, scrollback_size: 262_144 })
  t.match(made, { alive: true, exit_code: 0, cwd: '/tmp' })
  t.equal(new Date(made.created_at).toISOString(), made.created_at)
  await ended('1')
  const shell = await run(ops.terminalCreate)
  t.match(shell, { id: '2', command: ['/bin/sh'], cols: 80, rows: 24, scrollback_size: 65_536 })
  t.match(await run(ops.terminalCreate, { shell: '/bin/cat', scrollback_size: 0 }), { command: ['/bin/cat'] })
  const { terminals } = await run(ops.terminalList)
  t.match(terminals, [
    { id: '1', alive: false, exit_code: 7 },
    { id: '2', alive: true, exit_code: 0 },
    { id: '3', scrollback_size: 65_536 },
  ])
  t.same(await run(ops.terminalDelete, { id: 2 }), { terminal_id: '2' })
  t.same((await run(ops.terminalList)).terminals.map(({ id }) => id), ['1', '3']) // prettier-ignore
})

t.test('refusals: sizes, unknown ids, the limit, a command that is not there', async (t) => {
  const { run } = openBench(t, { limit: 1 })
  for (const size of [{ cols: 0 }, { rows: 1001 }, { cols: -1 }, { cols: 1.5 }, { rows: 'many' }, { cols: 65_536 }]) {
    await t.rejects(run(ops.terminalCreate, size), { code: 'bad_request', message: /an integer from 1 to 1000/ })
  }
  await t.rejects(run(ops.terminalCreate, { command: [] }), { code: 'bad_request' })
  await t.rejects(run(ops.terminalCreate, { command: ['no-such-command'] }), { code: 'command_not_found' })
  await t.rejects(run(ops.terminalCreate, { cwd: 'no such folder' }), { code: 'bad_cwd' })
  await run(ops.terminalCreate)
  await t.rejects(run(ops.terminalCreate), { code: 'rate_limited', status: 429 })
  for (const op of [ops.terminalDelete, ops.terminalScrollback, ops.scrollbackClear]) {
    await t.rejects(run(op, { id: '9' }), { code: 'not_found', message: /terminal "9"/ })
    await t.rejects(run(op), { code: 'bad_request', message: /id is missing/ })
  }
})

t.test('scrollback: its tail, its size, its end; PATCH and DELETE', async (t) => {
  const { run, ended, terminals } = openBench(t)
  const { id } = await run(ops.terminalCreate, { command: ['sh', '-c', 'seq 50000; read line; exit 3'] })
  const total = Array.from({ length: 50_000 }, (_, index) => `${index + 1}\r\n`).join('')
  await until('all is printed', () => terminals.get(id).head === total.length)
  const usual = await run(ops.terminalScrollback, { id })
  t.match(usual, { size: 65_536, alive: true, exit_code: 0, scrollback_size: 65_536, max_scrollback_size: 262_144 })
  t.equal(text(usual), total.slice(-65_536))
  t.match(usual, {
    from: total.length - 65_536,
    to: total.length,
    next: total.length,
    gap_bytes: 0,
    encoding: 'base64',
  })
  t.equal(text(await run(ops.terminalScrollback, { id, bytes: 100 })), total.slice(-100))
  t.match(await run(ops.terminalScrollback, { id, bytes: 7, text: true }), {
    scrollback: '50000\r\n',
    encoding: 'text',
  })
  t.same(await run(ops.scrollbackResize, { id, scrollback_size: 262_144 }), {
    terminal_id: id,
    scrollback_size: 262_144,
  })
  t.equal(text(await run(ops.terminalScrollback, { id })), total.slice(-262_144))
  t.match(await run(ops.scrollbackResize, { id, scrollback_size: 1 }), { scrollback_size: 1 })
  t.equal(text(await run(ops.terminalScrollback, { id })), '\n')
  t.match(await run(ops.scrollbackResize, { id, scrollback_size: 0 }), { scrollback_size: 65_536 })
  await t.rejects(run(ops.scrollbackResize, { id, scrollback_size: -1 }), { code: 'bad_request' })
  t.same(await run(ops.scrollbackClear, { id }), { terminal_id: id, scrollback_size: 65_536 })
  t.match(await run(ops.terminalScrollback, { id }), { scrollback: '', size: 0, alive: true })
  t.equal((await run(ops.terminalInput, { id, input: 'x\r' })).bytes_written, 2)
  await ended(id)
  t.match(await run(ops.terminalScrollback, { id, text: true }), { scrollback: 'x\r\n', alive: false, exit_code: 3 })
})

t.test('following by offset: everything once, with a wait, to the end', async (t) => {
  const { run } = openBench(t)
  const line = 'for i in 1 2 3 4 5; do seq 2000; sleep 0.02; done; exit 4'
  const { id } = await run(ops.terminalCreate, { command: ['sh', '-c', line] })
  let all = ''
  let from = 0
  for (;;) {
    const answer = await run(ops.terminalScrollback, { id, from, wait_seconds: 10, text: true, bytes: 5000 })
    t.match(answer, { from, gap_bytes: 0 })
    all += answer.scrollback
    from = answer.next
    if (answer.alive || answer.from < answer.to) continue
    t.equal(answer.exit_code, 4)
    break
  }
  t.equal(all, Array.from({ length: 2000 }, (_, index) => `${index + 1}\r\n`).join('').repeat(5)) // prettier-ignore
})

t.test('following by offset: what is gone is told, what is not yet there waited for', async (t) => {
  const { run, ended, terminals } = openBench(t)
  const { id } = await run(ops.terminalCreate, { command: ['sh', '-c', 'stty raw; head -c 2000000 /dev/zero; read x'] })
  await until('all is printed', () => terminals.get(id).head === 2_000_000)
  const old = await run(ops.terminalScrollback, { id, from: 1000 })
  t.ok(old.size >= 262_144)
  t.equal(old.gap_bytes, old.from - 1000)
  t.same(old.gap, { from: 1000, to: old.from, reason: 'ring' })
  t.equal(old.to, 2_000_000)
  await run(ops.scrollbackClear, { id })
  t.match(await run(ops.terminalScrollback, { id, from: 1000 }), { from: 2_000_000, size: 0, gap_bytes: 1_999_000 })
  const ahead = await run(ops.terminalScrollback, { id, from: 9_999_999 })
  t.match(ahead, { from: 2_000_000, next: 2_000_000, size: 0, gap_bytes: 0 })
  t.match(await run(ops.terminalScrollback, { id, from: 2_000_000, wait_seconds: 0.05 }), { size: 0, alive: true })
  const gone = new AbortController()
  const left = run(ops.terminalScrollback, { id, from: 2_000_000, wait_seconds: 50 }, { signal: gone.signal })
  gone.abort()
  t.match(await left, { size: 0 })
  const waiting = run(ops.terminalScrollback, { id, from: 2_000_000, wait_seconds: 50 })
  await run(ops.terminalInput, { id, input: '\n' })
  t.match(await waiting, { from: 2_000_000 })
  await ended(id)
  await t.rejects(run(ops.terminalScrollback, { id, from: 0, wait_seconds: 51 }), { code: 'bad_request' })
  await t.rejects(run(ops.terminalScrollback, { id, from: -1 }), { code: 'bad_request' })
})

t.test('P-15 text: characters whole across calls, and a flag where it is none', async (t) => {
  const { run } = openBench(t)
  const line = "stty raw -echo; printf 'a\\303'; read x; printf '\\251b\\377'; read x"
  const { id } = await run(ops.terminalCreate, { command: ['sh', '-c', line] })
  const first = await run(ops.terminalScrollback, { id, from: 0, wait_seconds: 10, text: true })
  t.match(first, { scrollback: 'a', next: 1 })
  await run(ops.terminalInput, { id, input: '\n' })
  let rest = ''
  for (let { next: from } = first; !rest.includes('b�');) {
    const answer = await run(ops.terminalScrollback, { id, from, wait_seconds: 10, text: true })
    rest += answer.scrollback
    from = answer.next
    if (answer.scrollback.includes('�')) t.equal(answer.lossy, true)
  }
  t.match(rest, /^é.*b�$/s)
})

t.test('text that begins with bytes which are no UTF-8: shown and flagged, or begun behind them', async (t) => {
  const { run, ended } = openBench(t)
  const read = async (bytes: string, from?: number) => {
    const { id } = await run(ops.terminalCreate, { command: ['sh', '-c', `stty raw -echo; printf '${bytes}'`] })
    await ended(id)
    const more = from === undefined ? {} : { from }
    return await run(ops.terminalScrollback, { id, text: true, ...more })
  }
  const U = '\u{fffd}'
  t.match(await read('\\200\\200abc', 0), { scrollback: `${U}${U}abc`, lossy: true, from: 0, size: 5, to: 5 })
  t.match(await read('\\200\\200abc'), { scrollback: `${U}${U}abc`, lossy: true, from: 0, size: 5 })
  t.match(await read('x\\200y', 1), { scrollback: `${U}y`, lossy: true, from: 1, size: 2 })
  t.match(await read('x\\303\\251y', 2), { scrollback: 'y', lossy: undefined, from: 3, size: 1, gap_bytes: 0 })
  t.match(await read('x\\303\\251\\251y', 2), { scrollback: `${U}y`, lossy: true, from: 3, size: 2 })
  t.match(await read('\\360\\237\\230\\200y', 3), { scrollback: 'y', from: 4, size: 1 })
  t.match(await read('\\311t\\351 \\351', 3), { scrollback: ` ${U}`, lossy: true, from: 3, size: 2 })
})

t.test('a life tells one terminal from another; an offset of another life begins at 0 and says so', async (t) => {
  const { run, ended } = openBench(t)
  const made = await run(ops.terminalCreate, { command: ['sh', '-c', 'stty raw; printf 0123456789'] })
  await ended(made.id)
  t.match(made.life, /^[A-Za-z0-9_-]{8}$/)
  const other = await run(ops.terminalCreate, { command: ['true'] })
  t.not(other.life, made.life)
  const { id, life } = made
  t.match((await run(ops.terminalList)).terminals, [{ life }, { life: other.life }])
  const look = (more: object) => run(ops.terminalScrollback, { id, text: true, ...more })
  t.match(await look({ from: 7, life }), { life, from: 7, scrollback: '789', gap: undefined })
  t.match(await look({ from: 7 }), { life, from: 7, scrollback: '789', gap: undefined })
  const restarted = { gap: { from: 7, to: 0, reason: 'restarted' }, gap_bytes: 0, from: 0 }
  t.match(await look({ from: 7, life: other.life }), { life, scrollback: '0123456789', ...restarted })
  t.match(await look({ from: 7, life: 'another', wait_seconds: 1 }), { life, scrollback: '0123456789', ...restarted })
  t.match(await look({ life: 'another' }), { life, scrollback: '0123456789', gap: undefined })
})

t.test('typing and resizing: text, base64, a body; a dead terminal is a conflict', async (t) => {
  const { run, ended, terminals } = openBench(t)
  const { id } = await run(ops.terminalCreate, { command: ['cat'] })
  const printed = (wanted: string) =>
    until(`${wanted} is printed`, async () => (await run(ops.terminalScrollback, { id, text: true })).scrollback.includes(wanted)) // prettier-ignore
  t.match(await run(ops.terminalInput, { id, input: 'é\r' }), { terminal_id: id, bytes_written: 3 })
  await printed('é\r\né\r\n')
  t.match(await run(ops.terminalInput, { id, data: 'Yg0=', base64: true }), { bytes_written: 2 })
  await printed('b\r\nb\r\n')
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('bo')
    yield Buffer.from('dy\r')
  }
  t.match(await run(ops.terminalInput, { id }, { body: body() }), { bytes_written: 5 })
  await printed('body\r\nbody\r\n')
  await t.rejects(run(ops.terminalInput, { id }), { code: 'bad_request', message: /input is missing/ })
  await t.rejects(run(ops.terminalInput, { id, input: '%', base64: true }), { code: 'bad_request' })
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(65_536)
  }
  await t.rejects(run(ops.terminalInput, { id }, { body: endless() }), { code: 'payload_too_large' })
  t.same(await run(ops.terminalResize, { id, cols: 132, rows: '50' }), { terminal_id: id, cols: 132, rows: 50 })
  t.same(terminals.get(id).window, { cols: 132, rows: 50 })
  await t.rejects(run(ops.terminalResize, { id, cols: 0, rows: 50 }), { code: 'bad_request' })
  await t.rejects(run(ops.terminalResize, { id, cols: 10 }), { code: 'bad_request', message: /rows is missing/ })
  await run(ops.terminalInput, { id, input: '\x03' })
  await ended(id)
  t.match((await run(ops.terminalList)).terminals, [{ exit_code: 130, signal: 'SIGINT' }])
  await t.rejects(run(ops.terminalInput, { id, input: 'x' }), { code: 'conflict' })
  await t.rejects(run(ops.terminalResize, { id, cols: 10, rows: 10 }), { code: 'conflict' })
})

t.test('four tools by default and two in a toolset; each described within its bounds', async (t) => {
  const all = (Object.values(ops) as unknown as Operation[]).filter((value) => 'routes' in value)
  const tools = all.filter(({ tool }) => tool !== undefined)
  const of = (toolset: string | undefined) => tools.filter(({ tool }) => tool?.toolset === toolset).map(({ name }) => name) // prettier-ignore
  t.same(of(undefined).toSorted(), ['terminal_create', 'terminal_delete', 'terminal_list', 'terminal_scrollback'])
  t.same(of('terminal').toSorted(), ['terminal_input', 'terminal_resize'])
  for (const { tool, name } of tools) t.ok((tool?.description.length ?? 0) < 600, name)
})
