// A client of /ws that reads from a raw socket into one buffer and only counts: `ws` and Node's own client would use
// much of the machine. Frames of a server are not masked (RFC 6455).

import { connect, type Socket } from 'node:net'
import { requestText } from './load.ts'
import { AUTHORIZATION } from './subject.ts'

const BUFFER_BYTES = 256 * 1024
/** Opcodes of RFC 6455. */
const TEXT = 1
const BINARY = 2
const PING = 9
/** Returns a pong, final and masked: its length, then a mask that changes nothing. */
const pong = (payload: Buffer): Buffer => Buffer.concat([Buffer.of(0x8a, 0x80 | payload.length, 0, 0, 0, 0), payload])

export interface TerminalStream extends Disposable {
  /** Returns the bytes of terminals so far. */
  readonly bytes: () => number
  /** Resolves when the terminal has ended, with its exit code. */
  exit(id: string): Promise<number>
}

export async function openTerminalStream(port: number): Promise<TerminalStream> {
  const { promise: open, resolve, reject } = Promise.withResolvers<void>()
  const exits = new Map<string, (code: number) => void>()
  const codes = new Map<string, number>()
  let bytes = 0
  let failed = reject
  const frames = frameReader({
    onBinary: (length) => (bytes += length - 1), // one byte is the id
    onOther: (opcode, payload) => {
      if (opcode === PING) socket.write(pong(payload))
      if (opcode !== TEXT) return
      const frame = JSON.parse(payload.toString()) as { type?: string; id: string; code: number } // the daemon's own
      if (frame.type !== 'exit') return
      codes.set(frame.id, frame.code)
      exits.get(frame.id)?.(frame.code)
    },
  })
  let head = ''
  let upgraded = false
  const take = (length: number, buffer: Uint8Array): boolean => {
    if (upgraded) frames(buffer.subarray(0, length))
    else {
      head += Buffer.from(buffer.buffer, buffer.byteOffset, length).toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return true
      if (!head.startsWith('HTTP/1.1 101')) failed(new Error(`/ws answered ${head.slice(0, 200)}`))
      upgraded = true
      frames(Buffer.from(head.slice(end + 4), 'latin1'))
      resolve()
    }
    return true
  }
  const socket: Socket = connect({
    port,
    host: '127.0.0.1',
    onread: { buffer: Buffer.alloc(BUFFER_BYTES), callback: take },
  })
  socket.on('error', (error) => failed(error)).on('close', () => failed(new Error('/ws was closed')))
  const upgrade = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13' }
  const key = { 'sec-websocket-key': 'MDEyMzQ1Njc4OWFiY2RlZg==' }
  socket.write(requestText('GET', '/ws', { ...AUTHORIZATION, ...upgrade, ...key }))
  await open
  return {
    bytes: () => bytes,
    async exit(id) {
      const { promise, resolve: exited, reject: broken } = Promise.withResolvers<number>()
      failed = broken
      exits.set(id, exited)
      const code = codes.get(id)
      if (code !== undefined) exited(code)
      return promise
    },
    [Symbol.dispose]: () => {
      failed = () => undefined
      socket.destroy()
    },
  }
}

interface FrameListener {
  /** Called with a frame's length; its content is passed over. */
  readonly onBinary: (length: number) => void
  readonly onOther: (opcode: number, payload: Buffer) => void
}

/** Takes the stream in pieces of any length; frames come whole, in one fragment each. */
function frameReader({ onBinary, onOther }: FrameListener): (bytes: Uint8Array) => void {
  let header = Buffer.alloc(0)
  /** Bytes of a binary frame that are still to come. */
  let left = 0
  let other: { readonly opcode: number; readonly payload: Buffer; filled: number } | undefined
  const begin = (): void => {
    const opcode = (header[0] ?? 0) & 15
    const length = payloadBytes(header)
    header = Buffer.alloc(0)
    if (opcode === BINARY) onBinary((left = length))
    else if (length === 0) onOther(opcode, Buffer.alloc(0))
    else other = { opcode, payload: Buffer.alloc(length), filled: 0 }
  }
  return (bytes) => {
    for (let at = 0; at < bytes.length;) {
      if (other !== undefined) {
        const piece = bytes.subarray(at, at + other.payload.length - other.filled)
        other.payload.set(piece, other.filled)
        other.filled += piece.length
        at += piece.length
        if (other.filled < other.payload.length) return
        onOther(other.opcode, other.payload)
        other = undefined
      } else if (left > 0) {
        const piece = Math.min(left, bytes.length - at)
        at += piece
        left -= piece
      } else {
        const piece = bytes.subarray(at, at + headerBytes(header) - header.length)
        header = Buffer.concat([header, piece])
        at += piece.length
        if (header.length === headerBytes(header)) begin()
      }
    }
  }
}

/** Returns the length of the header, as far as it is known by now. */
function headerBytes(header: Buffer): number {
  const length = header[1]
  if (length === undefined || length < 126) return 2
  return length === 126 ? 4 : 10
}

function payloadBytes(header: Buffer): number {
  const length = header[1] ?? 0
  if (length < 126) return length
  return length === 126 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2))
}
