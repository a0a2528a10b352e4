// Unpacks mutated archives as a process, with the code of the daemon's unpacker thread and no thread in between. tar.ts
// starts it. Started by root it unpacks one right archive, which loads all code, and then becomes the user `nobody`.

import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import { UnpackArchive } from '../../src/threads/archive/unpack-archive.ts'
import type { UnpackJob } from '../../src/threads/archive/unpack-job.ts'
import { openSource } from '../../src/threads/archive/unpack-source.ts'
import { UNPACK_LIMITS } from '../../src/workspace/archives/unpack.ts'
import { archive, member } from '../../test/support/tar-writer.ts'
import { chanceOf } from './chance.ts'
import { isRoot, NOBODY } from './subject.ts'
import { tarCase, type TarCase } from './tar-case.ts'
import { Tally } from './tally.ts'

export interface TarOrders {
  readonly seed: number
  readonly from: number
  readonly count: number
  /** Empty folder, writable for the user `nobody`. */
  readonly directory: string
}

/** Messages of the process: its progress, now and then, and the result at the end. */
export interface TarNews {
  readonly cases: number
  readonly failed: number
  readonly slow: number
  readonly slowest: Tally['slowest']
  readonly answers: readonly (readonly [string, number])[]
  readonly failures: readonly string[]
  readonly end: boolean
}

export const TAR = 'tar'

/** Cases after which the process removes their files, or every name would be taken, and looks at the outside. */
const ROUND = 25
/** Rounds between two pieces of news. */
const NEWS = 10 * ROUND
const MOST_FAILURES = 20

async function run({ directory, seed, from, count }: TarOrders): Promise<void> {
  const dest = join(directory, 'dest')
  const outside = join(directory, 'outside')
  const job: UnpackJob = { dest, durable: false, journal: undefined, limits: UNPACK_LIMITS }
  await unpack(job, { bytes: archive(member({ name: 'a', content: 'x' })), compressed: false })
  rmSync(dest, { recursive: true })
  if (isRoot) becomeNobody()
  mkdirSync(outside)
  writeFileSync(join(outside, 'kept'), 'kept')
  const account = accountOf(outside)
  const tally = new Tally()
  for (let index = from; index < from + count && tally.failed < MOST_FAILURES; index++) {
    await judged(tally, index, job, tarCase(chanceOf(seed, TAR, index), outside))
    if (++tally.cases % ROUND !== 0 && tally.cases !== count) continue
    if (accountOf(outside) !== account)
      tally.fail(index, 'something outside dest has changed, by this case or one before')
    empty(dest)
    if (tally.cases % NEWS === 0) await say(tally, false)
  }
  await say(tally, true)
}

async function judged(tally: Tally, index: number, job: UnpackJob, one: TarCase): Promise<void> {
  const { ms, code, sentence } = await unpack(job, one)
  tally.count(code)
  if (code === 'internal_error') tally.fail(index, sentence)
  if (tally.took(index, ms)) await tally.again(index, async () => (await unpack(job, one)).ms)
}

function becomeNobody(): void {
  process.setgroups?.([])
  process.setgid?.(NOBODY)
  process.setuid?.(NOBODY)
}

interface Unpacked {
  readonly code: string
  readonly sentence: string
  readonly ms: number
}

async function unpack(job: UnpackJob, one: TarCase): Promise<Unpacked> {
  const began = performance.now()
  using unpacking = new UnpackArchive(job)
  const answer = await codeOf(unpacking, one)
  return { ...answer, ms: performance.now() - began }
}

async function codeOf(unpacking: UnpackArchive, { bytes, compressed }: TarCase): Promise<Omit<Unpacked, 'ms'>> {
  try {
    if (compressed) {
      const source = openSource(oneByOne(bytes))
      for await (const chunk of source) unpacking.push(chunk, source.into)
    } else unpacking.push(bytes, bytes.length)
    await unpacking.finish()
    return { code: 'unpacked', sentence: '' }
  } catch (error) {
    const { code, sentence } = unpacking.notice(error)
    unpacking.abandon()
    return { code, sentence }
  }
}

async function* oneByOne(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(bytes)
}

function accountOf(directory: string): string {
  return readdirSync(directory)
    .map((name) => [name, statSync(join(directory, name))] as const)
    .map(([name, { mode, size, mtimeMs, nlink, ino }]) => `${name} ${mode} ${size} ${mtimeMs} ${nlink} ${ino}`)
    .join('\n')
}

function empty(dest: string): void {
  try {
    for (const entry of readdirSync(dest, { withFileTypes: true, recursive: true })) {
      if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755)
    }
    rmSync(dest, { recursive: true, force: true })
  } catch {
    // A directory without permissions: the next time, or the end of the run, may be able to open it.
  }
}

async function say({ cases, failed, slow, slowest, answers, failures }: Tally, end: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const news: TarNews = { cases, failed, slow, slowest, answers: [...answers], failures, end }
  process.send?.(news, undefined, undefined, () => resolve())
  await promise
}

if (process.send !== undefined) {
  process.once('message', (orders: TarOrders) => {
    void run(orders).then(() => process.disconnect()) // a rejection is a defect, which ends the process and is heard
  })
}
