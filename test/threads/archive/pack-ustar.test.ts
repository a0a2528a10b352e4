// The header block byte for byte beside node-tar's, for members of every kind and names and numbers around each limit.

import { Header } from 'tar'
import t from 'tap'
import { BLOCK_BYTES } from '../../../src/threads/archive/tar-block.ts'
import { writeUstar, type UstarFields } from '../../../src/threads/archive/pack-ustar.ts'
import { seeded } from '../../support/random.ts'

function theirs(fields: UstarFields): { block: Buffer; complete: boolean } {
  const { linkPath, mtime, ...same } = fields
  const link = linkPath === undefined ? {} : { linkpath: linkPath }
  const header = new Header({ ...same, mtime: new Date(mtime * 1000), uname: '', gname: '', ...link })
  const block = Buffer.alloc(BLOCK_BYTES)
  return { block, complete: !header.encode(block) }
}

function ours(fields: UstarFields): { block: Buffer; complete: boolean } {
  const block = Buffer.alloc(BLOCK_BYTES)
  return { complete: writeUstar(block, fields), block }
}

const PLAIN: UstarFields = {
  type: 'File',
  path: 'a/b',
  mode: 0o644,
  size: 3,
  mtime: 1_700_000_000,
  uid: 1000,
  gid: 1000,
}

const part = (length: number, of = 'x'): string => of.repeat(length)

const NAMES = [
  '',
  'ä',
  ...[98, 99, 100, 101, 155, 156, 255, 256].map((length) => part(length)),
  ...[99, 100, 101, 155, 156].map((length) => `${part(length)}/${part(99)}`),
  ...[99, 100, 101, 155, 156].map((length) => `${part(10)}/${part(length)}`),
  ...[40, 120, 160].map((length) => `${part(length, 'ü')}/${part(50, 'é')}`),
  ...[30, 50, 80, 120].map((length) => `${part(length)}/${part(length)}/${part(length)}/`),
  `${'deep/'.repeat(60)}file`,
  `/${'deep/'.repeat(40)}file`,
  `${part(98)}${'𐍈'.repeat(3)}`,
]

const NUMBERS = [0, 1, 0o777777, 0o7777777, 0o10000000, 2 ** 31, 0o77777777777, 0o100000000000, 2 ** 40]

t.test('every field, around its limits', async (t) => {
  const cases: UstarFields[] = [
    ...(['File', 'Directory', 'SymbolicLink', 'Link', 'ExtendedHeader'] as const).map((type) => ({ ...PLAIN, type })),
    ...NAMES.map((path) => ({ ...PLAIN, path })),
    ...NAMES.map((linkPath) => ({ ...PLAIN, type: 'SymbolicLink' as const, linkPath })),
    ...NUMBERS.flatMap((number) => [
      { ...PLAIN, size: number },
      { ...PLAIN, uid: number },
      { ...PLAIN, gid: number },
      { ...PLAIN, mtime: number },
      { ...PLAIN, mtime: -number },
    ]),
    { ...PLAIN, mtime: 8_640_000_000_000 },
    { ...PLAIN, mtime: -8_640_000_000_000 },
    { ...PLAIN, mode: 0o7777 },
    { type: 'ExtendedHeader', path: 'PaxHeader', mode: 0o644, size: 30, mtime: 5 },
  ]
  for (const fields of cases) t.same(ours(fields), theirs(fields), JSON.stringify(fields).slice(0, 120))
})

t.test('thousands drawn at random', async (t) => {
  const random = seeded(11)
  const chance = (): number => random.next()
  const pick = <T>(list: readonly T[]): T => random.pick(list)
  const name = (): string =>
    Array.from({ length: 1 + Math.floor(chance() * 8) }, () =>
      pick(['a', 'é', '𐍈', 'x y']).repeat(1 + Math.floor(chance() * 60)),
    ).join('/')
  const wrong = Array.from({ length: 3000 }, () => ({
    ...PLAIN,
    type: pick(['File', 'Directory', 'SymbolicLink', 'Link'] as const),
    path: name() + pick(['', '/']),
    mode: Math.floor(chance() * 0o10000),
    size: Math.floor(chance() ** 8 * 2 ** 45),
    uid: Math.floor(chance() ** 4 * 2 ** 32),
    mtime: Math.floor((chance() - 0.3) * 2 ** 36),
    linkPath: name(),
  })).filter((fields) => {
    const [one, other] = [ours(fields), theirs(fields)]
    return one.complete !== other.complete || !one.block.equals(other.block)
  })
  t.same(wrong, [])
})
