// Frames of a WebSocket client, byte by byte: our own channel frames with absurd contents, and frames that break the
// protocol. A frame that breaks it ends the connection, so it is the last one of a connection.

import { weighted, type Random } from './chance.ts'
import { anyValue, mutated, WORDS } from './mutation.ts'
import { FIRST_IDS } from './terminals.ts'

export interface FrameCase {
  readonly bytes: Buffer
  /** True if no frame can follow: the daemon or the client closes the connection. */
  readonly last: boolean
}

interface Frame {
  readonly fin?: boolean
  /** Value of the three reserved bits. */
  readonly reserved?: number
  readonly opcode: number
  readonly masked?: boolean
  readonly payload: Buffer
  /** Length that the head announces instead of the payload's. */
  readonly length?: bigint
}

const CONTINUATION = 0
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

/** Mask of every frame; its value does not matter. */
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

export function frameOf({ fin = true, reserved = 0, opcode, masked = true, payload, length }: Frame): Buffer {
  const size = length ?? BigInt(payload.length)
  const short = size < 126n ? Number(size) : size < 65_536n ? 126 : 127
  const head = Buffer.alloc(short === 127 ? 10 : short === 126 ? 4 : 2)
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | short
  if (short === 126) head.writeUInt16BE(Number(size), 2)
  if (short === 127) head.writeBigUInt64BE(size, 2)
  if (!masked) return Buffer.concat([head, payload])
  return Buffer.concat([head, MASK, payload.map((byte, at) => byte ^ (MASK[at % 4] ?? 0))])
}

export const pingOf = (payload: string): Buffer => frameOf({ opcode: PING, payload: Buffer.from(payload) })

/** Makes a case. `ids` are those of existing terminals; no random decision depends on them. */
export function frameCase(random: Random, ids: readonly number[]): FrameCase {
  const make = weighted<(random: Random, ids: readonly number[]) => FrameCase>(random, [
    [26, command],
    [16, anyText],
    [22, input],
    [8, fragments],
    [4, control],
    [16, broken],
    [8, anyBytes],
  ])
  return make(random, ids)
}

/** Returns a terminal's id: mostly an existing one. */
function someId(random: Random, ids: readonly number[]): number {
  const other = random.below(256)
  const place = random.below(FIRST_IDS.length)
  return random.next() < 0.85 ? (ids[place % ids.length] ?? other) : other
}

function commandText(random: Random, ids: readonly number[]): Buffer {
  const id = someId(random, ids)
  const type = weighted(random, [
    [10, 'resize'],
    [6, 'ack'],
    [0.1, 'close'],
    [1, 'unknown'],
  ])
  const fields: Record<string, unknown> = { channel: 'terminal', type, id: random.next() < 0.5 ? id : String(id) }
  Object.assign(fields, { cols: 1 + random.below(300), rows: 1 + random.below(100), offset: random.below(100_000) })
  const name = random.pick(Object.keys(fields))
  if (random.next() < 0.15) fields[name] = anyValue(random)
  if (random.next() < 0.15) fields['request_id'] = anyValue(random)
  return Buffer.from(JSON.stringify(fields))
}

function command(random: Random, ids: readonly number[]): FrameCase {
  return { bytes: frameOf({ opcode: TEXT, payload: commandText(random, ids) }), last: false }
}

/** Returns valid UTF-8; other bytes would break the protocol. */
function anyText(random: Random, ids: readonly number[]): FrameCase {
  const text = mutated(random, commandText(random, ids)).toString('utf8')
  const payload = Buffer.from(random.next() < 0.02 ? text.repeat(300) : text)
  return { bytes: frameOf({ opcode: TEXT, payload }), last: false }
}

/** Returns input for a terminal, which runs `cat`: it takes anything. */
function input(random: Random, ids: readonly number[]): FrameCase {
  const text = Buffer.from(random.pick(WORDS) + String(random.below(1000)))
  const payload = Buffer.concat([Buffer.from([someId(random, ids)]), mutated(random, text)])
  return {
    bytes: frameOf({ opcode: BINARY, payload: random.next() < 0.05 ? payload.subarray(0, 1) : payload }),
    last: false,
  }
}

/** Returns one message in several frames, a ping between them. */
function fragments(random: Random, ids: readonly number[]): FrameCase {
  const payload =
    random.next() < 0.5
      ? commandText(random, ids)
      : Buffer.from([someId(random, ids), ...Buffer.from('text for a terminal')])
  const opcode = payload[0] === 0x7b ? TEXT : BINARY
  const pieces: Buffer[] = []
  for (let at = 0; at < payload.length;) {
    const end = Math.min(payload.length, at + random.below(20))
    const part = { opcode: pieces.length === 0 ? opcode : CONTINUATION, payload: payload.subarray(at, end) }
    pieces.push(frameOf({ ...part, fin: end === payload.length }))
    at = end
  }
  if (random.next() < 0.3) pieces.splice(1 % pieces.length, 0, pingOf('between'))
  return { bytes: Buffer.concat(pieces), last: false }
}

function control(random: Random): FrameCase {
  const payload = Buffer.from(random.pick(WORDS)).subarray(0, 125)
  return { bytes: frameOf({ opcode: random.pick([PING, PONG]), payload }), last: false }
}

function broken(random: Random, ids: readonly number[]): FrameCase {
  const payload = mutated(random, commandText(random, ids))
  const code = Buffer.alloc(2)
  code.writeUInt16BE(random.below(65_536))
  const frame = random.pick<Frame>([
    { opcode: TEXT, payload, masked: false },
    { opcode: TEXT, payload, reserved: 1 + random.below(7) },
    { opcode: random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), payload },
    { opcode: TEXT, payload: Buffer.from([0xff, 0xfe, 0xc3]) },
    { opcode: CONTINUATION, payload },
    { opcode: PING, payload: Buffer.alloc(126) },
    { opcode: PING, payload: Buffer.alloc(3), fin: false },
    { opcode: CLOSE, payload: Buffer.concat([code, mutated(random, Buffer.from('reason'))]).subarray(0, 125) },
    { opcode: CLOSE, payload: Buffer.alloc(random.below(2)) },
    { opcode: BINARY, payload, length: BigInt(1024 * 1024 + 1 + random.below(100)) },
    { opcode: BINARY, payload, length: 2n ** 63n - 1n },
    { opcode: BINARY, payload, length: 2n ** 64n - 1n },
  ])
  const twice = random.next() < 0.1 ? [frameOf({ opcode: TEXT, payload, fin: false })] : []
  return { bytes: Buffer.concat([...twice, frameOf(frame)]), last: true }
}

/** Returns a right frame with wrong bytes in it, its head included. */
function anyBytes(random: Random, ids: readonly number[]): FrameCase {
  return { bytes: mutated(random, command(random, ids).bytes), last: true }
}
