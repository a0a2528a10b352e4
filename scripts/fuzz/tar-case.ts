// Archives with mutated headers: members of every kind, with absurd fields but right sums, so that the unpacker gets
// beyond the sum; PAX records and long names of any form; cut, repeated and swapped blocks; some compressed, of those
// some damaged. Absolute names lead to a folder that is watched.

import { gzipSync, zstdCompressSync } from 'node:zlib'
import { END, gnuLong, header, member, pax, padded, summed, type RawHeader } from '../../test/support/tar-writer.ts'
import { weighted, type Random } from './chance.ts'
import { mutated } from './mutation.ts'

const BLOCK = 512

export interface TarCase {
  readonly bytes: Buffer
  readonly compressed: boolean
}

/** Fields of a header: offset and length. */
const FIELDS: readonly (readonly [at: number, length: number])[] = [
  [0, 100],
  [100, 8],
  [108, 8],
  [116, 8],
  [124, 12],
  [136, 12],
  [156, 1],
  [157, 100],
  [257, 8],
  [265, 32],
  [329, 16],
  [345, 155],
  [500, 12],
]

const NUMBERS = [
  '00000000000',
  '77777777777',
  '0',
  '',
  '-1',
  '8',
  ' 12 ',
  '0x7f',
  '\u0000\u0000\u0000',
  '1e3',
  '00000000001',
]

export function tarCase(random: Random, outside: string): TarCase {
  const members = Array.from({ length: 1 + random.below(4) }, () => someMember(random, outside))
  const whole = Buffer.concat([...members.flat(), ...(random.next() < 0.93 ? [END] : [])])
  const change = weighted(random, [
    [30, () => whole],
    [35, () => headerFields(random, whole)],
    [10, () => mutated(random, whole)],
    [8, () => blocks(random, whole)],
    [5, () => whole.subarray(0, random.below(whole.length + 1))],
    [4, () => Buffer.concat([whole, random.next() < 0.5 ? whole : Buffer.from('behind the end')])],
  ])
  const bytes = change()
  if (random.next() < 0.94) return { bytes, compressed: false }
  const packed = random.next() < 0.5 ? gzipSync(bytes, { level: 1 }) : zstdCompressSync(bytes)
  return { bytes: random.next() < 0.5 ? mutated(random, packed) : packed, compressed: true }
}

/** Names of files; none is above or below one of a directory, so that most members find their place. */
const FILES = ['a', 'b', 'd/a', 'd/f/a', 'h/b', './a', 'é', 'n'.repeat(100), '.gitignore', 'a~']
const DIRECTORIES = ['d', 'd/', 'd/f', 'h/', './h']
const ODD_NAMES = ['n'.repeat(101)].concat([
  '.',
  '..',
  'a/../../outside/x',
  '../outside/x',
  'C:\\x',
  'a\\b',
  '',
  '/',
  'a//b',
  'a/b',
  'd',
  'l/x',
  'l',
])

function nameIn(random: Random, outside: string, usual: readonly string[] = FILES): string {
  if (random.next() < 0.9) return random.pick(usual)
  return random.next() < 0.2 ? `${outside}/x` : random.pick(ODD_NAMES)
}

const TYPES = ['0', '0', '0', '0', '7', '\0', '5', '5', '1', '2', '2']
/** Types of devices, FIFOs, inventions of other programs, and headers about members in the place of a member. */
const ODD_TYPES = ['3', '4', '6', 'S', 'V', 'x', 'g', 'L', 'K', 'N', 'D', 'M', 'Z']

function someMember(random: Random, outside: string): Buffer[] {
  const type = random.pick(random.next() < 0.95 ? TYPES : ODD_TYPES)
  const name = nameIn(random, outside, type === '5' ? DIRECTORIES : FILES)
  const link = type === '1' || type === '2'
  const content = (link || type === '5') && random.next() < 0.95 ? '' : 'x'.repeat(random.below(700))
  const raw: RawHeader & { content: string } = {
    name: Buffer.from(name).subarray(0, 100),
    type,
    ...(link ? { linkName: nameIn(random, outside).slice(0, 100) } : {}),
    content,
    mode: random.pick([0o644, 0o755, 0o755, 0o7777, 0, 0o100644]),
    ...(random.next() < 0.03 ? { size: random.below(5000) } : {}),
    ...(random.next() < 0.05 ? { prefix: nameIn(random, outside).slice(0, 155) } : {}),
    magic: random.pick(['ustar\u000000', 'ustar\u000000', 'ustar  \0', '\0\0\0\0\0\0\0\0']),
  }
  return [...about(random, outside), member(raw)]
}

/** Returns headers about the next member. */
function about(random: Random, outside: string): Buffer[] {
  if (random.next() < 0.8) return []
  const value = (): string =>
    random.pick([nameIn(random, outside), ...NUMBERS, '1700000000.123456789', '99999', 'n'.repeat(300)])
  const keys = [
    'path',
    'linkpath',
    'size',
    'mtime',
    'uid',
    'comment',
    'GNU.sparse.major',
    'hdrcharset',
    'SCHILY.xattr.x',
  ]
  const fields = Object.fromEntries(Array.from({ length: 1 + random.below(3) }, () => [random.pick(keys), value()]))
  const type = random.next() < 0.85 ? 'x' : 'g'
  const make = weighted(random, [
    [5, () => pax(fields, type)],
    [3, () => paxMess(random, pax(fields, type))],
    [3, () => gnuLong(random.pick(['L', 'K']), value())],
    [1, () => header({ type: 'x', size: random.below(3_000_000) })],
  ])
  return Array.from({ length: random.next() < 0.03 ? 18 : 1 }, make)
}

/** Changes the records; the header's size is the one that they have then. */
function paxMess(random: Random, bytes: Buffer): Buffer {
  const end = bytes.indexOf(0, BLOCK)
  const records = mutated(random, bytes.subarray(BLOCK, end < 0 ? undefined : end))
  return Buffer.concat([header({ type: 'x', name: 'PaxHeaders/x', size: records.length }), padded(records)])
}

/** Overwrites fields of headers; the sums are right again, or not. */
function headerFields(random: Random, whole: Buffer): Buffer {
  const copy = Buffer.from(whole)
  for (let i = 0; i <= random.below(3); i++) {
    const block = random.below(Math.max(1, Math.floor(copy.length / BLOCK))) * BLOCK
    if (copy.length < block + BLOCK || copy.subarray(block + 257, block + 262).toString() !== 'ustar') continue
    const [at, length] = random.pick(FIELDS)
    const field = fieldValue(random, length)
    copy.fill(0, block + at, block + at + length)
    field.copy(copy, block + at, 0, length)
    if (random.next() < 0.9) summed(copy.subarray(block, block + BLOCK))
  }
  return copy
}

function fieldValue(random: Random, length: number): Buffer {
  const make = weighted(random, [
    [4, () => Buffer.from(random.pick(NUMBERS))],
    [3, () => Buffer.from(Array.from({ length: 1 + random.below(length) }, () => random.below(256)))],
    [1, () => Buffer.alloc(length, 0xff)],
    [
      1,
      () =>
        Buffer.concat([
          Buffer.from([0x80]),
          Buffer.from(Array.from({ length: length - 1 }, () => (random.next() < 0.8 ? 0 : 255))),
        ]),
    ],
    [1, () => Buffer.alloc(length, 'n')],
  ])
  return make()
}

function blocks(random: Random, whole: Buffer): Buffer {
  const all = Array.from({ length: Math.ceil(whole.length / BLOCK) }, (_, at) =>
    whole.subarray(at * BLOCK, (at + 1) * BLOCK),
  )
  const from = random.below(all.length)
  const to = random.below(all.length)
  const one = all[from] ?? Buffer.alloc(0)
  if (random.next() < 0.5) all.splice(to, 0, one)
  else all.splice(from, 1)
  return Buffer.concat(all)
}
