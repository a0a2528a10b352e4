// The frames of /ws in both directions, without a socket.

import t from 'tap'
import {
  errorFrame,
  exitFrame,
  gapFrame,
  outputFrame,
  readBinary,
  readText,
  replayFrame,
} from '../../../src/transports/socket/frames.ts'

const text = (value: unknown) => readText(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))

t.test('binary: one id byte, then what was typed', async (t) => {
  t.match(readBinary(Buffer.from([7, 0x61, 0xff])), { type: 'input', id: 7, bytes: Uint8Array.of(0x61, 0xff) })
  t.match(readBinary(Buffer.from([255, 0])), { type: 'input', id: 255 })
  t.match(readBinary(Buffer.alloc(0)), { type: 'refused', code: 'bad_request', id: undefined })
  t.match(readBinary(Buffer.from([7])), { type: 'refused', code: 'bad_request', id: 7 })
})

t.test('text: ids as string or number', async (t) => {
  const resize = { channel: 'terminal', type: 'resize', cols: 132, rows: 43 }
  t.strictSame(text({ ...resize, id: '3' }), { type: 'resize', id: 3, cols: 132, rows: 43 })
  t.strictSame(text({ ...resize, id: 3 }), { type: 'resize', id: 3, cols: 132, rows: 43 })
  t.strictSame(text({ channel: 'terminal', type: 'close', id: 255 }), { type: 'close', id: 255 })
  t.strictSame(text({ channel: 'terminal', type: 'ack', id: '1', offset: 2 ** 40 }), {
    type: 'ack',
    id: 1,
    offset: 2 ** 40,
  })
})

t.test('whatever else is refused with the id and the request id that it names', async (t) => {
  for (const [frame, id] of [
    ['', undefined],
    ['{', undefined],
    ['[]', undefined],
    ['null', undefined],
    ['"resize"', undefined],
    [{}, undefined],
    [{ channel: 'watcher', type: 'close', id: 1 }, 1],
    [{ channel: 'terminal', type: 'explode', id: '9' }, 9],
    [{ channel: 'terminal', type: ['resize'], id: 256 }, undefined],
    [{ channel: 'terminal', type: 'close', id: 1.5 }, undefined],
    [{ channel: 'terminal', type: 'close', id: '0x1' }, undefined],
    [{ channel: 'terminal', type: 'close', id: -1 }, undefined],
    [{ channel: 'terminal', type: 'ack', id: 1 }, 1],
    [{ channel: 'terminal', type: 'ack', id: 1, offset: -1 }, 1],
    [{ channel: 'terminal', type: 'ack', id: 1, offset: 1.5 }, 1],
    [{ channel: 'terminal', type: 'ack', id: 1, offset: '5' }, 1],
    [{ __proto__: null, channel: '__proto__', type: 'close', id: 1 }, 1],
  ] as const) {
    t.match(text(frame), { type: 'refused', code: 'bad_request', message: /\w/, id }, JSON.stringify(frame))
  }
  t.match(text({ channel: 'terminal', type: '?', request_id: 'mine' }), { requestId: 'mine' })
  t.match(text({ channel: 'terminal', type: '?', request_id: 'x'.repeat(200) }), { requestId: undefined })
  t.match(text({ type: 'close', id: 1, request_id: 'mine' }), { type: 'close', requestId: 'mine' })
  t.match(text(' '.repeat(1024 * 1024)), { type: 'refused', code: 'payload_too_large' })
})

t.test('20,000 frames made at random are read or refused, never more', async (t) => {
  const pieces = [
    '{',
    '}',
    '[',
    '"channel"',
    ':',
    ',',
    '"terminal"',
    '"type"',
    '"ack"',
    '"id"',
    '1',
    '-',
    '1e999',
    '\\u0000',
  ]
  const seen = new Set<string>()
  for (let i = 0; i < 20_000; i++) {
    const count = Math.floor(Math.random() * 12)
    const parts = Array.from({ length: count }, () => pieces[Math.floor(Math.random() * pieces.length)] ?? '')
    const bytes = Buffer.from(i % 2 === 0 ? parts.join('') : `{"type":"ack","id":${parts[0]},"offset":${parts[1]}}`)
    if (i % 3 === 0 && bytes.length > 0) bytes[Math.floor(Math.random() * bytes.length)] = i & 255
    seen.add(readText(bytes).type).add(readBinary(bytes).type)
  }
  t.strictSame(new Set(['refused', 'input', 'ack']), seen)
})

t.test('sizes: 1 to 1,000, whole numbers', async (t) => {
  for (const side of [0, -1, 1001, 65_536, 1.5, Number.NaN, '80', null, undefined]) {
    t.match(text({ channel: 'terminal', type: 'resize', id: 1, cols: side, rows: 24 }), { type: 'refused', id: 1 })
    t.match(text({ channel: 'terminal', type: 'resize', id: 1, cols: 80, rows: side }), { type: 'refused', id: 1 })
  }
  t.match(text({ channel: 'terminal', type: 'resize', id: 1, cols: 1, rows: 1000 }), { cols: 1, rows: 1000 })
})

t.test('what goes out has a channel and ids as strings', async (t) => {
  t.strictSame(outputFrame(9, Buffer.from('hi')), Buffer.from('\x09hi'))
  t.strictSame(JSON.parse(exitFrame(9, 143)), { channel: 'terminal', type: 'exit', id: '9', code: 143 })
  const whose = { id: 9, life: 'abc' }
  const common = { channel: 'terminal', id: '9', life: 'abc', from: 5, to: 8 }
  t.strictSame(JSON.parse(replayFrame(whose, { from: 5, to: 8, prelude: Buffer.from('\x1b[?1h') })), {
    ...common,
    type: 'replay',
    prelude: 'G1s/MWg=',
  })
  t.strictSame(JSON.parse(gapFrame(whose, 5, 8, 'ring')), { ...common, type: 'gap', reason: 'ring' })
  t.strictSame(JSON.parse(errorFrame({ code: 'conflict', message: 'no' })), {
    channel: 'error',
    code: 'conflict',
    message: 'no',
  })
})
