// Threads that make native calls rest between jobs, since koffi keeps what it has mapped for each for ever and a
// process may have 65,530 mappings: an hour of uploads and watchers had taken 25,000 of them.

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openUnpacker } from '../../src/workspace/archives/unpack.ts'
import { refused } from '../support/refused.ts'
import { archive, member } from '../support/tar-writer.ts'
import { openWatchers } from '../../src/workspace/watchers/watchers.ts'

/** Enough that V8's own mappings, some 20 to 40 in all, cannot be taken for those of threads. */
const ROUNDS = 120

/** What is mapped; a thread of its own each time is three more for each. */
const mappings = (): number => readFileSync('/proc/self/maps', 'latin1').split('\n').length

async function grownBy(round: (number: number) => Promise<unknown>): Promise<number> {
  for (let number = 0; number < 10; number++) await round(number) // what is mapped once
  const before = mappings()
  for (let number = 0; number < ROUNDS; number++) await round(number)
  return mappings() - before
}

t.test('uploads one after the other, some of them refused, share a thread', async (t) => {
  const dir = t.testdir({ state: {} })
  await using unpacker = await openUnpacker({ stateDirectory: join(dir, 'state'), durable: false })
  const unpack = async (bytes: Buffer): Promise<unknown> => {
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.from(bytes)
    }
    return await unpacker.unpack(join(dir, 'dest'), body(), new AbortController().signal)
  }
  const well = archive(member({ name: 'file', content: 'text' }))
  const outside = archive(member({ name: '../outside', content: 'text' }))
  const grown = await grownBy(async (number) => {
    if (number % 2 === 0) t.match(await unpack(well), { files: 1 })
    else await refused(t, unpack(outside), 'bad_request', /outside/)
  })
  t.ok(grown < ROUNDS, `${grown} mappings more after ${ROUNDS} uploads`)
})

t.test('watchers that come and go share a thread', async (t) => {
  const root = t.testdir()
  mkdirSync(join(root, 'watched'))
  await using watchers = openWatchers({ notifies: async () => true })
  const request = { root: join(root, 'watched'), excludes: [], defaultExcludes: true }
  const grown = await grownBy(async () => {
    watchers.delete((await watchers.create(request, new AbortController().signal)).id)
  })
  t.ok(grown < ROUNDS, `${grown} mappings more after ${ROUNDS} watchers`)
})
