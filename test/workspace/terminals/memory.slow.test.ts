// P-01 at reduced size: floods through terminals arrive whole, in a daemon whose memory does not follow them and whose
// main loop is free.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { startDaemon, type Daemon } from '../../support/daemon.ts'
import { anonymousGrowth, anonymousRise, MIB } from '../../support/growth.ts'
import { until } from '../../support/until.ts'
import { view } from '../../support/viewer.ts'

/** 300 MB and 1 GiB are for terminal-flood.slow.test.ts, the bench and the soak. */
const DOSES = { small: 16 * MIB, large: 160 * MIB }

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const mebibytes = (bytes: number) => `${Math.round(bytes / MIB)} MiB more`

async function open(daemon: Daemon, line: string): Promise<number> {
  const { status, body } = await daemon.call('POST', '/terminals', { command: ['sh', '-c', line] })
  if (status !== 201) throw new Error(JSON.stringify(body))
  return Number(body.id)
}

async function ended(daemon: Daemon, id: number): Promise<void> {
  const alive = async () =>
    (await daemon.call('GET', '/terminals')).body.terminals.find((one: { id: unknown }) => Number(one.id) === id)?.alive
  await until(`terminal ${id} has ended`, async () => (await alive()) !== true)
}

/** CPU time so far, in the kernel's ticks: of the main thread, and of all. */
function ticks({ pid }: Daemon): { main: number; all: number } {
  let all = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) all += ticksOf(`/proc/${pid}/task/${task}/stat`)
  return { main: ticksOf(`/proc/${pid}/task/${pid}/stat`), all }
}

function ticksOf(path: string): number {
  const fields = readFileSync(path, 'latin1').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}

t.test('P-01 a flood in raw mode: the same bytes, and no more memory for more of them', async (t) => {
  const daemon = await startDaemon(t)
  const viewer = await view(t, daemon.url.replace('http', 'ws') + '/ws')
  const line = Buffer.from(Array.from({ length: 65_536 }, (_, index) => `${index * 7919} `).join(''))
  const rise = await anonymousRise(daemon.pid, DOSES, async (bytes) => {
    const content = Buffer.alloc(bytes, line)
    const path = join(daemon.directory, 'bytes')
    writeFileSync(path, content)
    const hash = createHash('sha256')
    viewer.onOutput = (_, piece) => void hash.update(piece)
    const before = viewer.of('exit').length
    const id = await open(daemon, `stty raw; exec cat ${path}`)
    await until('its end', () => viewer.of('exit').length > before)
    t.equal(hash.digest('hex'), sha256(content))
    await daemon.call('DELETE', `/terminals/${id}`)
  })
  t.ok(rise < (DOSES.large - DOSES.small) / 4, mebibytes(rise))
})

t.test('P-06 a flood that no client reads: memory at the size of the ring, and a main loop that is free', async (t) => {
  const daemon = await startDaemon(t)
  const spent: { readonly main: number; readonly all: number }[] = []
  const rise = await anonymousRise(daemon.pid, DOSES, async (bytes) => {
    const before = ticks(daemon)
    await ended(daemon, await open(daemon, `stty raw; head -c ${bytes} /dev/zero`))
    const after = ticks(daemon)
    spent.push({ main: after.main - before.main, all: after.all - before.all })
  })
  t.ok(rise < (DOSES.large - DOSES.small) / 4, mebibytes(rise))
  const { main, all } = spent.at(-1) ?? { main: 1, all: 0 }
  // It answers the test, which asks whether the end is there; the bytes are read by a thread of their own.
  t.ok(main <= all / 2, `main thread: ${main} ticks of ${all}`)
})

t.test('P-04 a client that has stopped holds the program, and memory stays at the size of the ring', async (t) => {
  const daemon = await startDaemon(t)
  const viewer = await view(t, `${daemon.url.replace('http', 'ws')}/ws`)
  const id = await open(daemon, 'stty raw; yes')
  await until('it prints', () => viewer.output(id).length > 0)
  viewer.socket.pause()
  const grown = await anonymousGrowth(daemon.pid, async () => {
    let end = -1
    await until('it is held', async () => {
      const before = end
      end = (await daemon.call('GET', `/terminals/${id}/scrollback`)).body.to
      await pause(300)
      return end === before
    })
  })
  t.ok(grown < 48 * MIB, mebibytes(grown))
  t.match(await daemon.call('DELETE', `/terminals/${id}`), { status: 200 })
})

t.test('100 terminals in turn, each with a full ring, leave no memory behind', async (t) => {
  const daemon = await startDaemon(t)
  const rise = await anonymousRise(daemon.pid, { small: 10, large: 100 }, async (rounds) => {
    for (let round = 0; round < rounds; round++) {
      const id = await open(daemon, 'stty raw; head -c 600000 /dev/zero')
      await ended(daemon, id)
      await daemon.call('DELETE', `/terminals/${id}`)
    }
  })
  t.ok(rise < 20 * MIB, `${mebibytes(rise)}, where all their rings together take 45`)
})
