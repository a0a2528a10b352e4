// The unpacker without its thread: archives in chunks of any size mean the same, headers of node-tar are read as
// it wrote them, and 2,000 mutated archives end in a refusal or a result, never in a failure of ours, and never
// outside the destination (H-15; replay with FUZZ_SEED).

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Header, Pax } from 'tar'
import t from 'tap'
import { UnpackArchive } from '../../../src/threads/archive/unpack-archive.ts'
import { readHeader, readPax } from '../../../src/threads/archive/unpack-header.ts'
import type { UnpackJob } from '../../../src/threads/archive/unpack-job.ts'
import { TarReader, type UnpackMember } from '../../../src/threads/archive/unpack-reader.ts'
import type { FaultNotice } from '../../../src/base/fault.ts'
import { type Random, seeded } from '../../support/random.ts'
import { asNobody } from '../../support/unprivileged.ts'
import { archive, gnuLong, member, pax, record, summed } from '../../support/tar-writer.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261121)
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 2000)

const LIMITS = { members: 100, ratio: 1000, freeShare: 0, freeBytes: 0 }

/** Undefined where it was unpacked. */
async function unpack(dest: string, bytes: Buffer, chunk: number): Promise<FaultNotice | undefined> {
  const job: UnpackJob = { dest, durable: false, journal: undefined, limits: LIMITS }
  using unpacking = new UnpackArchive(job)
  try {
    for (let at = 0; at < bytes.byteLength; at += chunk) unpacking.push(bytes.subarray(at, at + chunk), at + chunk)
    await unpacking.finish()
    return undefined
  } catch (error) {
    const notice = unpacking.notice(error)
    unpacking.abandon()
    return notice
  }
}

const SEEDS = archive(
  member({ name: 'dir/', type: '5', mode: 0o755 }),
  member({ name: 'dir/file', content: 'x'.repeat(700) }),
  pax({ path: 'dir/päx', mtime: '1.5', size: '3' }),
  member({ name: 'short', content: 'abc' }),
  gnuLong('L', 'dir/long/' + 'n'.repeat(120)),
  member({ name: 'short', content: 'abc' }),
  member({ name: 'link', type: '2', linkName: 'dir/file' }),
  member({ name: 'hard', type: '1', linkName: 'dir/file' }),
)

t.test('chunks of any size mean the same', async (t) => {
  const read = (chunk: number): string[] => {
    const said: string[] = []
    const reader = new TarReader({
      header: () => {},
      named: () => {},
      begin: ({ type, name, target, size }: UnpackMember) => void said.push(`${type} ${name} ${target} ${size} `),
      content: (bytes) => void (said[said.length - 1] += Buffer.from(bytes).toString()),
      end: () => {},
    })
    for (let at = 0; at < SEEDS.byteLength; at += chunk) reader.push(SEEDS.subarray(at, at + chunk))
    reader.end()
    return said
  }
  const whole = read(SEEDS.byteLength)
  t.equal(whole.length, 6)
  for (const chunk of [1, 2, 7, 511, 512, 513, 1000]) t.same(read(chunk), whole, `${chunk}`)
})

t.test('what node-tar writes is read as it was written', async (t) => {
  for (const size of [0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 45]) {
    const wrote = new Header({ path: 'a/b', mode: 0o640, size, type: 'File', mtime: new Date(1_700_000_000_000) })
    wrote.encode()
    t.match(readHeader(wrote.block ?? Buffer.alloc(0)), {
      type: '0',
      name: 'a/b',
      mode: 0o640,
      size,
      mtime: { seconds: 1_700_000_000 },
    })
  }
  const long = `${'d'.repeat(90)}/${'n'.repeat(90)}`
  const prefixed = new Header({ path: long, type: 'File', size: 0 })
  prefixed.encode()
  t.equal(readHeader(prefixed.block ?? Buffer.alloc(0)).name, long)
  const block = new Pax({ path: 'ä', linkpath: 'b', size: 2 ** 40, mtime: new Date(1500) }).encode()
  const { size } = readHeader(block.subarray(0, 512))
  t.same(readPax(block.subarray(512, 512 + size), false), {
    path: Buffer.from('ä').toString('latin1'),
    linkPath: 'b',
    size: 2 ** 40,
    mtime: { seconds: 1, nanoseconds: 500_000_000 },
  })
  t.same(readPax(record('mtime', '-1.5'), false).mtime, { seconds: -2, nanoseconds: 500_000_000 })
})

const WORDS = [
  '..',
  '/',
  '../x',
  '/etc/x',
  'dir/..',
  '\0',
  'out/x',
  'link',
  '-1',
  '99999999',
  '\xff\xff',
  '7777777',
  ' ',
]

/** Some bytes, fields and whole blocks changed; most headers get a right checksum again. */
function mutated(random: Random): Buffer {
  let bytes = Buffer.from(SEEDS)
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const block = random.below(Math.floor(bytes.byteLength / 512)) * 512
    const change = random.below(6)
    if (change === 0) bytes[random.below(bytes.byteLength)] = random.below(256)
    else if (change === 1) bytes.write(random.pick(WORDS), block + random.pick([0, 100, 124, 136, 157, 345]), 'latin1')
    else if (change === 2) bytes.write(random.pick('012345679xgLKSVDMAZ\0'.split('')), block + 156, 'latin1')
    else if (change === 3) bytes = Buffer.concat([bytes.subarray(0, block), bytes.subarray(block + 512)])
    else if (change === 4) bytes = Buffer.concat([bytes.subarray(0, block + 512), bytes.subarray(block)])
    else bytes = bytes.subarray(0, random.below(bytes.byteLength) + 1)
    if (bytes.byteLength < 1024) return bytes
    if (random.next() < 0.9 && block + 512 <= bytes.byteLength && bytes[block + 257] === 0x75) {
      summed(bytes.subarray(block, block + 512))
    }
  }
  return bytes
}

t.test(`H-15 ${ROUNDS} mutated archives, seed ${SEED}`, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'unpack-fuzz-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const dest = join(dir, 'dest')
  mkdirSync(join(dir, 'outside'))
  writeFileSync(join(dir, 'outside/x'), 'kept')
  const random = seeded(SEED)
  const seen: Record<string, number> = {}
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 50 === 0) {
      rmSync(dest, { recursive: true, force: true })
      mkdirSync(dest)
      symlinkSync('../outside', join(dest, 'out'))
    }
    const notice = await unpack(dest, mutated(random), random.pick([97, 512, 100_000]))
    const outcome = notice?.code ?? 'unpacked'
    seen[outcome] = (seen[outcome] ?? 0) + 1
    if (outcome === 'internal_error') t.fail(`round ${round}: ${notice?.sentence}`)
    if (round % 50 === 49) inside(dest, dest)
  }
  t.comment(seen)
  t.same(readdirSync(dir).toSorted(), ['dest', 'outside'])
  t.same(readdirSync(join(dir, 'outside')), ['x'])
  t.equal(readFileSync(join(dir, 'outside/x'), 'utf8'), 'kept')

  function inside(directory: string, root: string): void {
    for (const name of readdirSync(Buffer.from(directory, 'latin1'), 'latin1')) {
      const path = `${directory}/${name}`
      const bytes = Buffer.from(path, 'latin1')
      const stats = lstatSync(bytes)
      if (name.endsWith('~')) t.fail(`left: ${path}`)
      if (stats.isDirectory()) inside(path, root)
      else if (path === join(root, 'out')) continue
      else if (!stats.isFile() && !stats.isSymbolicLink()) t.fail(`${path} is neither file nor link`)
      else if (!(realOrUndefined(bytes) ?? root).startsWith(root)) t.fail(`${path} leads out`)
    }
  }
})

function realOrUndefined(path: Buffer): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

t.test('a directory that its owner may not enter: the archive is refused, and taking back is no failure', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'unpack-shut-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  chmodSync(directory, 0o777)
  const dest = join(directory, 'dest')
  const notice = await asNobody(async () => {
    mkdirSync(join(dest, 'shut'), { recursive: true })
    chmodSync(join(dest, 'shut'), 0o600)
    return await unpack(dest, archive(member({ name: 'shut/file', content: 'x' })), 512)
  })
  t.match(notice, { code: 'forbidden', sentence: /^member 1 "shut\/file" .*; no file was extracted$/ })
  t.same(readdirSync(join(dest, 'shut')), [])
})
