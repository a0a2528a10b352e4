// Mutations of bytes and of single values. Pure. The parts that a case names as kept survive any mutation, byte for
// byte: so a mutated request changes nothing outside the fuzzer's folder and starts only `true`.

import type { Random } from './chance.ts'

/** Values that have broken programs. None is an absolute path of a directory that exists everywhere. */
export const WORDS: readonly string[] = [
  '',
  '.',
  '..',
  'relative',
  '%00',
  '-1',
  '1e999',
  'NaN',
  '__proto__',
  'constructor',
  'true',
  '[]',
  '{}',
  '\u0000',
  '\u{1f4a5}',
  '\ud800',
  'e\u0301\u202e',
  '/dev/zero',
  '/proc/self/mem',
  '*'.repeat(40),
  '{1..99}',
  '**/{a,b}/[!c]',
  '(a+)+$',
  '(?<',
  '[z-a]',
  'x'.repeat(2000),
  'null',
  '4294967296',
  '9007199254740993',
  '0x10',
  '0644',
  '0007777',
  '--help',
  'a,b',
  '\r\nX: y',
  '%',
  '%zz',
  '%ff%fe',
  '+',
]

type Step = (random: Random, bytes: Buffer) => Buffer

const change: Step = (random, bytes) => {
  const copy = Buffer.from(bytes)
  for (let i = 0; i <= random.below(4); i++) copy[random.below(copy.length)] = random.below(256)
  return copy
}
const flip: Step = (random, bytes) => {
  const copy = Buffer.from(bytes)
  const at = random.below(copy.length)
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  return copy
}
const insert: Step = (random, bytes) => {
  const at = random.below(bytes.length + 1)
  const word = Buffer.from(random.pick(WORDS))
  return Buffer.concat([bytes.subarray(0, at), word, bytes.subarray(at)])
}
const remove: Step = (random, bytes) => {
  const at = random.below(bytes.length)
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))])
}
const repeat: Step = (random, bytes) => {
  const from = random.below(bytes.length)
  const piece = bytes.subarray(from, from + 1 + random.below(32))
  const at = random.below(bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, at), ...Array<Buffer>(1 + random.below(6)).fill(piece), bytes.subarray(at)])
}
const cut: Step = (random, bytes) => bytes.subarray(0, random.below(bytes.length + 1))

const STEPS: readonly Step[] = [change, change, flip, insert, insert, remove, repeat, cut]

/** Tries before the bytes stay unchanged. */
const TRIES = 4

/** Returns the bytes after one to three mutations; all of `kept` is still there. */
export function mutated(random: Random, bytes: Buffer, kept: readonly string[] = []): Buffer {
  if (bytes.length === 0) return bytes
  for (let attempt = 0; attempt < TRIES; attempt++) {
    let result = bytes
    for (let i = 0; i <= random.below(3) && result.length > 0; i++) result = random.pick(STEPS)(random, result)
    if (kept.every((one) => result.includes(one))) return result
  }
  return bytes
}

/** Returns any value of JSON, small. */
export function anyValue(random: Random, depth = 0): unknown {
  const simple: unknown[] = [
    random.pick(WORDS),
    random.pick(WORDS),
    random.below(1000),
    -random.below(10),
    random.next() * 1e6,
    2 ** 53 + random.below(3),
    true,
    false,
    null,
  ]
  if (depth > 2 || random.next() < 0.8) return random.pick(simple)
  const values = Array.from({ length: random.below(4) }, () => anyValue(random, depth + 1))
  if (random.next() < 0.5) return values
  return Object.fromEntries(values.map((value) => [random.pick(WORDS), value])) as unknown
}
