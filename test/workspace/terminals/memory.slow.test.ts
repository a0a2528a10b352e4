// P-01 at reduced size: a flood through one terminal arrives whole, in bounded memory, and leaves the main loop
// free. In a process of its own, as memory is measured.

import { createHash } from 'node:crypto'
import { createReadStream, openSync, closeSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { follow, openTestTerminals, script } from '../../support/terminals.ts'
import { growth } from '../../support/growth.ts'

const MIB = 1024 * 1024
/** 300 MB and 1 GiB are for the bench and the soak. */
const TOTAL = 96 * MIB

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

t.test('P-01 a flood in raw mode: the same bytes, little memory', async (t) => {
  const terminals = openTestTerminals(t)
  const path = join(t.testdir({}), 'bytes')
  const file = openSync(path, 'w')
  const line = Buffer.from(Array.from({ length: 65_536 }, (_, index) => `${index * 7919} `).join(''))
  for (let done = 0; done < TOTAL; done += line.byteLength) writeSync(file, line)
  closeSync(file)
  const hash = createHash('sha256')
  const flood = async (): Promise<void> => {
    const terminal = script(terminals, `stty raw; exec cat ${path}`)
    using client = follow(terminal, { take: (bytes) => void hash.update(bytes) })
    t.equal(await client.exit, 0)
  }
  await script(terminals, 'stty raw; head -c 20000000 /dev/zero').ended // warm
  const grown = await growth(flood)
  t.equal(hash.digest('hex'), await sha256(path))
  t.ok(grown <= 32 * MIB, `${Math.round(grown / MIB)} MiB`)
})

t.test(
  'P-04 P-06 a flood that nobody reads, and one whose client has stopped: memory at the size of the ring',
  async (t) => {
    const terminals = openTestTerminals(t)
    await script(terminals, 'stty raw; head -c 20000000 /dev/zero').ended // warm
    const began = performance.now()
    const before = process.threadCpuUsage()
    const grown = await growth(async () => {
      const stopped = script(terminals, 'stty raw; yes')
      using _client = follow(stopped, { paused: true })
      const free = script(terminals, 'stty raw; head -c 100000000 /dev/zero')
      t.equal((await free.ended).code, 0)
      await terminals.delete(stopped.id)
    })
    const { user, system } = process.threadCpuUsage(before)
    const share = (user + system) / 1000 / (performance.now() - began)
    t.ok(grown <= 16 * MIB, `${Math.round(grown / MIB)} MiB`)
    t.ok(share <= 0.1, `${Math.round(share * 100)} % of the main thread`)
  },
)

t.test('100 terminals in turn, each with a full ring, leave no memory behind', async (t) => {
  const terminals = openTestTerminals(t)
  const round = async (): Promise<void> => {
    const terminal = script(terminals, 'stty raw; head -c 600000 /dev/zero')
    await terminal.ended
    await terminals.delete(terminal.id)
  }
  for (let warm = 0; warm < 30; warm++) await round()
  const grown = await growth(async () => {
    for (let rounds = 0; rounds < 70; rounds++) await round()
  })
  t.ok(grown <= 20 * MIB, `${Math.round(grown / MIB)} MiB, where all rings together take 35`)
})
