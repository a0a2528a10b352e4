// The checker of `npm run faults`: a history in which everything held passes, and each broken promise that is
// planted in it is found, under its own name.

import t from 'tap'
import { check } from '../../scripts/faults/checker.ts'
import { fileContent, lengthOf, logRecord, outputPart, Segments, sha256, tagOf } from '../../scripts/faults/content.ts'
import type { ExecSeen, HistoryEvent, Segment, TerminalSeen, WriteEvent } from '../../scripts/faults/history.ts'
import { report, summarize } from '../../scripts/faults/summary.ts'

const sum = (number: number): string => sha256(fileContent(`writer-0 ${tagOf('w', number)}`, 100))

function write(number: number, begin: number, end: number, more: Partial<WriteEvent> = {}): HistoryEvent {
  const base = { type: 'write', client: 'writer-0', file: 'file', door: 'raw', bytes: 100 } as const
  return { ...base, outcome: 'acknowledged', size: 100, sha256: sum(number), begin, end, ...more }
}

const read = (number: number | null, begin: number, end: number): HistoryEvent => ({
  type: 'read',
  client: 'reader-0',
  file: 'file',
  begin,
  end,
  sha256: number === null ? null : sum(number),
})

const append = (number: number, begin: number, outcome: 'acknowledged' | 'refused' | 'unknown'): HistoryEvent => ({
  type: 'append',
  client: 'appender-0',
  log: 'log',
  number,
  bytes: 60,
  begin,
  end: begin + 1,
  outcome,
})

const record = (number: number): string => logRecord('appender-0', number, 60)

function part(tag: string, from: number, to: number, ending: '\n' | '\r\n' = '\n'): Segment {
  const bytes = to - from
  return { from, bytes, sha256: sha256(outputPart(tag, { from, bytes, ending })) }
}

const TAG = tagOf('c', 1)
const OTHER = tagOf('c', 2)
const TERMINAL = tagOf('t', 1)
const OUT = lengthOf(100, '\n')
const ERR = lengthOf(10, '\n')
const SCREEN = lengthOf(50, '\r\n')

const exec = (tag: string, id: string): HistoryEvent => ({
  type: 'exec',
  client: 'streamer-0',
  tag,
  form: 'stream',
  out: 100,
  err: 10,
  code: 3,
  begin: 1,
  end: 2,
  outcome: 'acknowledged',
  id,
  epoch: 1,
})

function seen(more: Partial<ExecSeen> = {}): HistoryEvent {
  const whole = { out: [part(TAG, 0, OUT)], err: [part(TAG, 0, ERR)], gaps: { out: [], err: [] } }
  return { type: 'exec-seen', tag: TAG, via: 'stream', at: 5, codes: [3], clean: true, late: 0, ...whole, ...more }
}

function terminalSeen(more: Partial<TerminalSeen> = {}): HistoryEvent {
  const whole = { segments: [part(TERMINAL, 0, SCREEN, '\r\n')], gaps: [], exits: [{ code: 7, offset: SCREEN }] }
  return { type: 'terminal-seen', tag: TERMINAL, at: 5, ...whole, ...more }
}

const log = (content: string): HistoryEvent => ({ type: 'log', log: 'log', content })
const end = (by: 'SIGKILL' | 'SIGTERM' | null, code: number | null, left: string[] = []): HistoryEvent => ({
  type: 'end',
  epoch: 1,
  at: 50,
  by,
  code,
  signal: code === null ? 'SIGKILL' : null,
  left,
  stderr: '',
})

/** Everything held, unusual things too: a write without an answer that happened, and a torn record of a kill. */
const HELD: readonly HistoryEvent[] = [
  { type: 'run', seed: 1, minutes: 1, clients: 20, command: 'daemon', skipped: ['disk full: not here'] },
  { type: 'start', epoch: 1, pid: 10, at: 0, ready_ms: 100, strays: { before: ['/a'], after: [] } },
  read(null, 1, 2),
  write(1, 3, 6),
  read(1, 5, 7),
  write(2, 8, 12, { outcome: 'unknown' }),
  read(1, 13, 14),
  read(2, 20, 21),
  write(3, 30, 32, { outcome: 'refused' }),
  read(2, 33, 34),
  write(4, 40, 44),
  read(4, 45, 46),
  append(0, 1, 'acknowledged'),
  append(1, 3, 'unknown'),
  append(2, 5, 'acknowledged'),
  append(3, 7, 'refused'),
  log(`${record(0)}${record(1).slice(0, 30)}${record(2)}`),
  exec(TAG, '1'),
  seen(),
  seen({ via: 'get', out: [], err: [] }),
  seen({ codes: [], clean: false, out: [part(TAG, 0, 200)], err: [] }),
  seen({ via: 'attach', out: [part(TAG, 500, OUT)], gaps: { out: [{ from: 0, to: 500 }], err: [] } }),
  { ...exec(OTHER, '2'), outcome: 'unknown' } as HistoryEvent,
  { type: 'ran', tags: [TAG] },
  {
    type: 'terminal',
    client: 'terminal-0',
    tag: TERMINAL,
    lines: 50,
    code: 7,
    id: '1',
    epoch: 1,
    begin: 1,
    end: 2,
    outcome: 'acknowledged',
  },
  terminalSeen(),
  terminalSeen({ since: 300, segments: [part(TERMINAL, 300, SCREEN, '\r\n')] }),
  terminalSeen({ since: 90, gaps: [{ from: 90, to: 180 }], segments: [part(TERMINAL, 180, SCREEN, '\r\n')] }),
  { type: 'account', client: 'watcher-0', told: { a: 'x' }, disk: { a: 'x' }, changes: 4, resyncs: 1 },
  { type: 'fault', fault: 'kill -9', begin: 50, end: 51, detail: '' },
  end('SIGKILL', null, ['12 sleep']),
  end('SIGTERM', 0),
  { type: 'rest', temporary: [], state: [] },
]

/** The same with one event of its kind replaced. */
const instead = (event: HistoryEvent): HistoryEvent[] => [...HELD.filter(({ type }) => type !== event.type), event]
const and = (...events: HistoryEvent[]): HistoryEvent[] => [...HELD, ...events]

t.test('a history in which all promises held', async (t) => {
  t.same(check(HELD), [])
  const summary = summarize(HELD, [])
  t.match(summary, { seed: 1, total: { asked: 11, acknowledged: 6, refused: 2, unknown: 3 }, outlived_kills: 1 })
  t.match(report(summary, []), /skipped: disk full[^]*11 operations, 6 acknowledged, 1 faults, violations: 0$/)
})

const PLANTED: readonly (readonly [string, string, RegExp, readonly HistoryEvent[]])[] = [
  ['an acknowledged write is lost', 'file', /stood from/, and(read(2, 60, 61))],
  ['an acknowledged file is gone', 'file', /no file stood|no file came/, and(read(null, 60, 61))],
  [
    'a value comes back',
    'file',
    /stood from/,
    and(write(5, 60, 61), write(6, 62, 63), read(6, 64, 65), read(5, 66, 67)),
  ],
  [
    'reads disagree on the order',
    'file',
    /stood from/,
    and(write(5, 60, 90), write(6, 60, 90), read(5, 61, 62), read(6, 63, 64), read(5, 65, 66)),
  ],
  ['a mixture', 'file', /mixture/, and({ ...read(4, 60, 61), sha256: sha256('half') } as HistoryEvent)],
  ['a refused write is visible', 'file', /refused/, and(read(3, 60, 61))],
  ['a write is visible before it was sent', 'file', /before it was sent/, and(write(5, 60, 61), read(5, 58, 59))],
  ['a size that is not', 'file', /answered with size 7/, and(write(5, 60, 61, { size: 7 }))],
  ['an acknowledged record is lost', 'log', /record 2 .* is lost/, instead(log(record(0)))],
  ['a record is there twice', 'log', /twice/, instead(log(record(0) + record(2) + record(2)))],
  ['a refused record is there', 'log', /refused/, instead(log(record(0) + record(2) + record(3)))],
  ['an acknowledged record is torn', 'log', /torn/, instead(log(record(0) + record(2).slice(0, 30)))],
  ['records are out of order', 'log', /stands before/, instead(log(record(2) + record(0)))],
  ['bytes of no client', 'log', /no client appended/, instead(log(`${record(0)}???${record(2)}`))],
  ['a record of no client', 'log', /no record/, instead(log(`${record(0)}<what>\n${record(2)}`))],
  ['a wrong exit code', 'exit', /instead of 3/, and(seen({ codes: [0] }))],
  ['two exits', 'exit', /2 exits/, and(seen({ codes: [3, 3] }))],
  ['an exit and then more', 'exit', /after its exit/, and(seen({ late: 1 }))],
  [
    'the state tells another exit',
    'exit',
    /seen by get\) ended with 137/,
    and(seen({ via: 'get', codes: [137], out: [], err: [] })),
  ],
  ['a clean end without an exit', 'exit', /without an exit/, and(seen({ codes: [] }))],
  [
    'a command is forgotten',
    'exit',
    /not known/,
    and(seen({ via: 'get', codes: [], out: [], err: [], missing: true })),
  ],
  ['one id for two', 'exit', /one id/, and(exec(OTHER, '1'))],
  ['the end of the output is missing', 'output', /ended after 200 bytes/, and(seen({ out: [part(TAG, 0, 200)] }))],
  ['a hole', 'output', /missing, unannounced/, and(seen({ out: [part(TAG, 0, 200), part(TAG, 300, OUT)] }))],
  ['bytes twice', 'output', /came twice/, and(seen({ out: [part(TAG, 0, 200), part(TAG, 100, OUT)] }))],
  ['a hole that is hidden', 'output', /not those/, and(seen({ out: [{ ...part(TAG, 100, OUT), from: 0 }] }))],
  ['more than was printed', 'output', /came of/, and(seen({ out: [part(TAG, 0, OUT + 10)] }))],
  ['a command ran twice', 'run once', /ran 2 times/, instead({ type: 'ran', tags: [TAG, TAG] })],
  ['a command has an exit and never ran', 'run once', /never ran/, instead({ type: 'ran', tags: [] })],
  [
    'a refused command ran',
    'run once',
    /was refused/,
    [
      ...and({ ...exec(tagOf('c', 3), '3'), outcome: 'refused' } as HistoryEvent),
      { type: 'ran', tags: [TAG, tagOf('c', 3)] },
    ],
  ],
  [
    'a terminal with a hole',
    'terminal',
    /unannounced/,
    and(terminalSeen({ since: 0, segments: [part(TERMINAL, 90, SCREEN, '\r\n')] })),
  ],
  [
    'a terminal with wrong bytes',
    'terminal',
    /not those/,
    and(terminalSeen({ segments: [part(TAG, 0, SCREEN, '\r\n')] })),
  ],
  [
    'a terminal with the wrong exit',
    'terminal',
    /instead of 7/,
    and(terminalSeen({ exits: [{ code: 0, offset: SCREEN }] })),
  ],
  [
    'an exit before the last byte',
    'terminal',
    /behind byte 90/,
    and(terminalSeen({ exits: [{ code: 7, offset: 90 }] })),
  ],
  [
    'two exits of a terminal',
    'terminal',
    /2 exits/,
    and(terminalSeen({ exits: Array.from({ length: 2 }, () => ({ code: 7, offset: SCREEN })) })),
  ],
  [
    'a change that was not told',
    'watcher',
    /told was/,
    and({ type: 'account', client: 'w', told: { a: 'x' }, disk: { a: 'y' }, changes: 1, resyncs: 0 }),
  ],
  [
    'a removal that was not told',
    'watcher',
    /is nothing/,
    and({ type: 'account', client: 'w', told: { a: 'x' }, disk: {}, changes: 1, resyncs: 0 }),
  ],
  [
    'a temporary file after a start',
    'temporary file',
    /still there/,
    and({ type: 'start', epoch: 2, pid: 1, at: 60, ready_ms: 1, strays: { before: ['/a'], after: ['/a'] } }),
  ],
  [
    'a temporary file in the end',
    'temporary file',
    /left/,
    and({ type: 'rest', temporary: ['/a'], state: ['writes.journal'] }),
  ],
  ['a process after an orderly end', 'leftover', /outlived/, and(end('SIGTERM', 0, ['12 sleep']))],
  ['an orderly end with a code', 'daemon', /code 1 after SIGTERM/, and(end('SIGTERM', 1))],
  ['an end by itself', 'daemon', /by itself/, and(end(null, 1))],
  [
    'an internal error',
    'daemon',
    /internal error/,
    and({ type: 'wrong', what: 'internal error', client: 'w', at: 1, detail: 'x' }),
  ],
  ['a run that broke off', 'daemon', /has no "rest"/, HELD.filter(({ type }) => type !== 'rest')],
]

for (const [what, rule, detail, history] of PLANTED) {
  t.test(`found: ${what}`, async (t) => {
    const found = check(history)
    t.ok(found.length > 0)
    t.match(found.find((one) => one.rule === rule)?.detail, detail, JSON.stringify(found))
  })
}

t.test('pieces add up to segments, and a move begins another', async (t) => {
  const segments = new Segments()
  for (let at = 0; at < 200; at += 50) segments.add(Buffer.from(outputPart(TAG, { from: at, bytes: 50, ending: '\n' })))
  t.equal(segments.position, 200)
  segments.moveTo(200)
  segments.moveTo(300)
  segments.add(Buffer.from(outputPart(TAG, { from: 300, bytes: 10, ending: '\n' })))
  t.same(segments.end(), [part(TAG, 0, 200), part(TAG, 300, 310)])
  t.equal(outputPart(TAG, { from: 0, bytes: 34, ending: '\n' }), `${TAG} 00000001\n${TAG} 00000002\n`)
})
