// One run: twenty clients at work while the injector causes faults, then quiet, then an orderly end. The history
// records everything, and the checker judges it.

import { setTimeout as pause } from 'node:timers/promises'
import { COMMAND } from '../../test/support/daemon.ts'
import { seeded } from '../../test/support/random.ts'
import { audit, auditAtRest } from './audit.ts'
import { Client } from './client.ts'
import { run as runCommands, runInBackground, stream } from './clients/execs.ts'
import { append, FILES, fileName, read, readOnce, write } from './clients/files.ts'
import { useTerminals } from './clients/terminals.ts'
import { Account, watchByCursor, watchBySocket } from './clients/watchers.ts'
import { Gate } from './gate.ts'
import { openGround } from './ground.ts'
import { openHistory, type Recorder } from './history.ts'
import { inject, killClients, type Arena } from './injector.ts'
import { remains, snapshot } from './snapshot.ts'
import { freePort, Subject } from './subject.ts'

type Work = (client: Client) => Promise<void>

const several = (name: string, count: number, work: Work) =>
  Array.from({ length: count }, (_, number) => ({ name: `${name}-${number}`, work }))

/** Clients of the run: twenty with the two watchers. */
const CREW = [
  ...several('writer', 5, write),
  ...several('appender', 2, append),
  ...several('reader', 2, read),
  ...several('runner', 3, runCommands),
  ...several('background', 2, runInBackground),
  ...several('streamer', 2, stream),
  ...several('terminal', 2, useTerminals),
]

/** Clients that the gate holds. */
const FILE_WRITERS = CREW.filter(({ work }) => work === write || work === append).length

/** Runs of up to two minutes stop the daemon for a moment only. */
const LONGEST_STOP = { short: 3000, long: 30_000, shortMinutes: 2 }
/** Time within which every client has its last answer, commands with a timeout included. */
const SETTLE_MS = 30_000

export interface RunOptions {
  readonly seed: number
  readonly minutes: number
  readonly history: string
}

export async function runFaults({ seed, minutes, history: path }: RunOptions): Promise<void> {
  using ground = openGround()
  using history = openHistory(path)
  await using subject = new Subject(await freePort(), ground, history)
  const longestStop = minutes > LONGEST_STOP.shortMinutes ? LONGEST_STOP.long : LONGEST_STOP.short
  const [faults, working, watching] = [new AbortController(), new AbortController(), new AbortController()]
  const gate = new Gate()
  const patience = longestStop + SETTLE_MS
  const make = (name: string, index: number, { signal }: AbortController): Client =>
    new Client({ name, random: seeded(seed + index), subject, history, gate, signal, patience })
  const workers = CREW.map(({ name, work }, index) => ({ client: make(name, index + 1, working), work }))
  const bySocket = new Account(make('watcher-socket', 101, watching))
  const byCursor = new Account(make('watcher-cursor', 102, watching))
  const clients = [...workers.map(({ client }) => client), bySocket.client, byCursor.client]
  const { skipped } = ground
  history.add({ type: 'run', seed, minutes, clients: clients.length, command: COMMAND.join(' '), skipped })
  await subject.start()
  const work = workers.map(({ client, work: begin }) => guarded(client, () => begin(client)))
  const watches = [
    guarded(bySocket.client, () => watchBySocket(bySocket)),
    guarded(byCursor.client, () => watchByCursor(byCursor)),
  ]
  const compare = (): Promise<boolean> => auditAtRest([bySocket, byCursor], gate, FILE_WRITERS)
  const random = seeded(seed)
  const arena: Arena = { subject, clients, history, random, longestStop, audit: compare, signal: faults.signal }
  await perform(arena, minutes, faults)
  working.abort()
  await settled(work, history)
  await audit([bySocket, byCursor])
  watching.abort()
  await settled(watches, history)
  await readBack(make('last reader', 103, watching))
  for (const client of clients) client[Symbol.dispose]()
  await subject.end('SIGTERM')
  look(subject, history)
}

/** Reads the disk after the last client has ended. */
function look(subject: Subject, history: Recorder): void {
  snapshot(subject.ground, history)
  remains(subject.ground, history)
  history.add({ type: 'rest', temporary: subject.temporary(), state: subject.inFlight() })
}

/** Injects faults until the time is over, the daemon has ended by itself, or a signal asks for the end. */
async function perform(arena: Arena, minutes: number, faults: AbortController): Promise<void> {
  const timer = setTimeout(() => faults.abort(), minutes * 60_000)
  const end = (): void => faults.abort()
  void arena.subject.ended.promise.then(end)
  process.once('SIGINT', end).once('SIGTERM', end)
  try {
    await Promise.all([inject(arena), killClients(arena)])
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    arena.history.add({ type: 'wrong', what: 'driver', client: 'injector', at: performance.now(), detail })
  } finally {
    faults.abort()
    clearTimeout(timer)
    process.off('SIGINT', end).off('SIGTERM', end)
  }
}

async function guarded(client: Client, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    client.wrong('driver', error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
}

/** Time after which a request counts as never answered. */
async function settled(work: readonly Promise<void>[], history: Recorder): Promise<void> {
  const late = Symbol('late')
  const limit = new AbortController()
  const first = await Promise.race([
    Promise.all(work),
    pause(SETTLE_MS, late, { signal: limit.signal }).catch(() => late),
  ])
  limit.abort()
  if (first !== late) return
  const detail = `clients still wait ${SETTLE_MS} ms after the last fault`
  history.add({ type: 'wrong', what: 'no answer', client: 'driver', at: performance.now(), detail })
}

/** Reads every file through the daemon, after the last write. */
async function readBack(client: Client): Promise<void> {
  for (let number = 0; number < FILES; number++) await readOnce(client, fileName(number))
  client[Symbol.dispose]()
}
