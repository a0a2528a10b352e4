// The ring between the reader thread and the main thread, both sides played here: offsets, wrapping, what can
// still be copied, and the limit with its rest and its wake.

import t from 'tap'
import { InputRing } from '../../../src/threads/terminal/input-ring.ts'
import { INPUT_BYTES, RING_BYTES, SLICE_BYTES } from '../../../src/threads/terminal/layout.ts'
import { AHEAD_BYTES, NO_LIMIT, STEP_BYTES, TerminalRing } from '../../../src/threads/terminal/ring.ts'

/** Appends as the reader does; returns how many bytes the ring took. */
function append(ring: TerminalRing, bytes: Uint8Array, ended = false): number {
  let done = 0
  while (done < bytes.byteLength) {
    const { position, count } = ring.room(ended)
    const piece = bytes.subarray(done, done + count)
    if (piece.byteLength === 0) break
    ring.bytes.set(piece, position)
    ring.appended(piece.byteLength)
    done += piece.byteLength
  }
  return done
}

/** At the front of the ring: what may be in the writing, and the slice that is kept for the state of the screen. */
const UNSURE_BYTES = STEP_BYTES + SLICE_BYTES

/** Every byte tells its offset. */
const numbered = (from: number, count: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: count }, (_, index) => ((from + index) * 7) % 251))

t.test('the same memory from both sides', async (t) => {
  const ring = new TerminalRing()
  const other = new TerminalRing(ring.shared)
  t.equal(append(other, Buffer.from('abc')), 3)
  t.equal(ring.head, 3)
  t.equal(ring.copy(0, 3).bytes.toString(), 'abc')
  t.equal(Buffer.from(ring.view(1, 100)).toString(), 'bc')
})

t.test('offsets go on where the memory begins again', async (t) => {
  const ring = new TerminalRing()
  const total = RING_BYTES * 2 + 12_345
  append(ring, numbered(0, total))
  t.equal(ring.head, total)
  t.equal(ring.oldest, total + UNSURE_BYTES - RING_BYTES, 'what is in the writing is not counted')
  const from = total - 300_000
  t.same(ring.copy(from, total), { offset: from, bytes: numbered(from, 300_000) })
  let at = from
  for (let piece = ring.view(at, 16_384); piece.byteLength > 0; piece = ring.view(at, 16_384)) {
    t.ok(numbered(at, piece.byteLength).equals(piece))
    at += piece.byteLength
  }
  t.equal(at, total, 'in pieces, none across the seam')
})

t.test('a copy that was overtaken begins later', async (t) => {
  const ring = new TerminalRing()
  append(ring, numbered(0, RING_BYTES))
  t.match(ring.copy(0, 300_000), { offset: UNSURE_BYTES })
  t.equal(ring.copy(0, 300_000).bytes.byteLength, 300_000 - UNSURE_BYTES)
  t.equal(ring.copy(0, 100).bytes.byteLength, 0)
})

t.test('the reader stops at the limit, and goes on with 64 KiB of room', async (t) => {
  const ring = new TerminalRing()
  t.equal(ring.setLimit(AHEAD_BYTES), false, 'it did not rest')
  t.equal(append(ring, Buffer.alloc(RING_BYTES)), AHEAD_BYTES)
  t.equal(ring.rests(false), true)
  t.equal(ring.setLimit(AHEAD_BYTES + 1000), false, 'too little to be woken for')
  t.equal(ring.rests(false), true)
  t.equal(ring.setLimit(AHEAD_BYTES + 100_000), true)
  t.equal(ring.setLimit(AHEAD_BYTES + 100_001), false, 'woken once')
  t.equal(ring.rests(false), false)
  t.equal(append(ring, Buffer.alloc(RING_BYTES)), 100_001)
  t.equal(ring.rests(false), true)
  t.equal(ring.setLimit(NO_LIMIT), true)
  t.equal(append(ring, Buffer.alloc(RING_BYTES)), RING_BYTES)
})

t.test('a limit that was raised before the rest is seen is no rest', async (t) => {
  const ring = new TerminalRing()
  ring.setLimit(10)
  append(ring, Buffer.alloc(10))
  ring.setLimit(10 + STEP_BYTES)
  t.equal(ring.rests(false), false)
})

t.test('after the end there is room for what the kernel still holds', async (t) => {
  const ring = new TerminalRing()
  ring.setLimit(AHEAD_BYTES)
  append(ring, Buffer.alloc(AHEAD_BYTES))
  t.equal(ring.rests(true), false)
  t.ok(append(ring, Buffer.alloc(RING_BYTES), true) >= STEP_BYTES)
  t.ok(ring.head - STEP_BYTES <= ring.oldest + RING_BYTES)
  t.equal(ring.oldest, Math.max(0, ring.head + UNSURE_BYTES - RING_BYTES))
  t.ok(ring.oldest <= AHEAD_BYTES, 'nothing a client at the limit has not read')
})

t.test('reset: as new for another terminal', async (t) => {
  const ring = new TerminalRing()
  ring.setLimit(100)
  append(ring, Buffer.alloc(200))
  const input = new InputRing(ring.shared)
  input.put(Buffer.from('left behind'))
  t.equal(ring.rests(false), true)
  ring.reset()
  t.same([ring.head, ring.oldest, input.waiting, ring.rests(false)], [0, 0, 0, false])
  t.equal(ring.setLimit(NO_LIMIT), false)
  t.equal(append(ring, Buffer.alloc(RING_BYTES)), RING_BYTES)
})

t.test('input: pieces become one piece, in order, also where the memory begins again', async (t) => {
  const { shared } = new TerminalRing()
  const main = new InputRing(shared)
  const reader = new InputRing(shared)
  const taken: Buffer[] = []
  const take = (most: number): number => {
    const { position, count } = reader.next()
    const bytes = Buffer.from(reader.bytes.subarray(position, position + Math.min(count, most)))
    taken.push(bytes)
    reader.wrote(bytes.byteLength)
    return bytes.byteLength
  }
  for (let offset = 0; offset < 1000; offset++) main.put(numbered(offset, 1))
  t.equal(main.waiting, 1000)
  t.equal(take(INPUT_BYTES), 1000, 'a thousand pieces in one')
  main.put(numbered(1000, INPUT_BYTES))
  t.equal(main.waiting, INPUT_BYTES, 'full')
  t.equal(take(INPUT_BYTES), INPUT_BYTES - 1000, 'up to the end of the memory')
  t.equal(take(300), 300)
  t.equal(take(INPUT_BYTES), 700)
  t.equal(take(INPUT_BYTES), 0)
  t.ok(Buffer.concat(taken).equals(numbered(0, INPUT_BYTES + 1000)))
})
