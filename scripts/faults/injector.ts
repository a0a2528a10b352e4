// Injects faults into the daemon and its clients: the seed decides all kinds and times. Each kind comes once, in an
// order of the seed, and then by its weight until the time is over.

import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../test/support/random.ts'
import type { Client } from './client.ts'
import type { Recorder } from './history.ts'
import { snapshot } from './snapshot.ts'
import type { Subject } from './subject.ts'

export interface Arena {
  readonly subject: Subject
  readonly clients: readonly Client[]
  readonly history: Recorder
  readonly random: Random
  /** Longest stop of the daemon (ms). */
  readonly longestStop: number
  /** Compares the watchers' reports with the disk; false if the clients did not come to rest. */
  readonly audit: () => Promise<boolean>
  readonly signal: AbortSignal
}

/** Name of the comparison, which is no fault but noted among them; one fault in so many is followed by it. */
const AUDIT = 'none, accounts compared'
const AUDITED = 3

type Fault = (arena: Arena) => Promise<string>

const WEIGHTS = {
  'kill -9': 4,
  'orderly restart': 1,
  stopped: 2,
  'clock moved': 2,
  'disk full': 2,
  'descriptors run out': 2,
}
type Kind = keyof typeof WEIGHTS

const ACTS: Readonly<Record<Kind, Fault>> = {
  'kill -9': (arena) => restart(arena, 'SIGKILL'),
  'orderly restart': (arena) => restart(arena, 'SIGTERM'),
  stopped: stop,
  'clock moved': moveClock,
  'disk full': fillDisk,
  'descriptors run out': takeDescriptors,
}

const between = (random: Random, least: number, most: number): number => least + random.next() * (most - least)

export async function inject(arena: Arena): Promise<void> {
  const kinds = possible(arena)
  const first = shuffled(kinds, arena.random)
  const drawn = kinds.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind))
  while (!arena.signal.aborted) {
    await pause(between(arena.random, 300, 2500), undefined, { signal: arena.signal }).catch(() => undefined)
    if (arena.signal.aborted) return
    await act(arena, first.pop() ?? arena.random.pick(drawn))
    if (arena.random.below(AUDITED) === 0) await act(arena, AUDIT)
  }
}

function possible({ subject: { ground } }: Arena): Kind[] {
  const lacking = new Set<Kind>()
  if (!ground.hasDisk) lacking.add('disk full')
  if (ground.clock === undefined) lacking.add('clock moved')
  if (!ground.hasPrlimit) lacking.add('descriptors run out')
  return (Object.keys(WEIGHTS) as Kind[]).filter((kind) => !lacking.has(kind))
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, key: random.next() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)
}

async function audited({ audit, history }: Arena): Promise<string> {
  if (await audit()) return 'the accounts were compared'
  const detail = 'clients do not come to rest, with no fault under way'
  history.add({ type: 'wrong', what: 'no answer', client: 'driver', at: performance.now(), detail })
  return detail
}

async function act(arena: Arena, kind: Kind | typeof AUDIT): Promise<void> {
  const begin = performance.now()
  const detail = kind === AUDIT ? await audited(arena) : await ACTS[kind](arena)
  arena.history.add({ type: 'fault', fault: kind, begin, end: performance.now(), detail })
}

/** Draws of a watcher of which one is a kill: a watcher that comes back looks for itself, which hides earlier losses. */
const WATCHERS_SPARED = 6

/** Kills clients, which die all the time, some of them at once. */
export async function killClients({ clients, random, history, signal }: Arena): Promise<void> {
  while (!signal.aborted) {
    await pause(between(random, 100, 900), undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    const begin = performance.now()
    const drawn = Array.from({ length: 1 + random.below(4) }, () => random.pick(clients))
    const those = drawn.filter(({ name }) => !name.startsWith('watcher') || random.below(WATCHERS_SPARED) === 0)
    const how = random.pick(['reset', 'close'] as const)
    for (const client of those) client.kill(how)
    const detail = `${how}: ${those.map(({ name }) => name).join(', ')}`
    history.add({ type: 'fault', fault: 'client killed', begin, end: begin, detail })
  }
}

/** Restarts the daemon. The disk's content between two lives counts as read: acknowledged writes are there already. */
async function restart({ subject, history }: Arena, by: 'SIGKILL' | 'SIGTERM'): Promise<string> {
  await subject.end(by)
  snapshot(subject.ground, history)
  await subject.start()
  return `start ${subject.epoch}`
}

async function stop({ subject, random, longestStop }: Arena): Promise<string> {
  const ms = 1000 + random.next() ** 2 * (longestStop - 1000)
  subject.signal('SIGSTOP')
  await pause(ms)
  subject.signal('SIGCONT')
  return `for ${Math.round(ms)} ms`
}

const JUMPS = ['+1h', '-1h', '+30d', '-30d', '+10y', 'strobe'] as const

async function moveClock(arena: Arena): Promise<string> {
  const { subject, random } = arena
  if (subject.clock === undefined) await restart(arena, 'SIGKILL')
  const file = subject.clock?.file
  if (file === undefined) throw new Error('a start without a clock that can be moved')
  const jump = random.pick(JUMPS)
  const set = (to: string): void => writeFileSync(file, `${to}\n`)
  if (jump !== 'strobe') set(jump)
  for (let turn = 0; jump === 'strobe' && turn < 40; turn++) {
    set(turn % 2 === 0 ? '+5' : '-5')
    await pause(25)
  }
  await pause(between(random, 500, 2000))
  set('+0')
  return jump
}

/** Bytes by which the disk is filled: large steps first, then the rest. */
const FILL = [1024 * 1024, 4096, 512]

async function fillDisk({ subject, random }: Arena): Promise<string> {
  const filler = join(subject.ground.files, 'filler~') // watchers leave it out
  const file = openSync(filler, 'w')
  let bytes = 0
  const until = performance.now() + between(random, 1000, 3000)
  // Repeated, since files removed meanwhile make room.
  while (performance.now() < until) {
    for (const step of FILL) bytes += fill(file, step)
    await pause(5)
  }
  closeSync(file)
  rmSync(filler)
  return `${bytes} bytes of filling`
}

function fill(file: number, step: number): number {
  const block = Buffer.alloc(step)
  for (let bytes = 0; ;) {
    try {
      bytes += writeSync(file, block)
    } catch {
      return bytes
    }
  }
}

/** Time in which the daemon must serve again once there are descriptors again. */
const RECOVERY_MS = 5000

async function takeDescriptors(arena: Arena): Promise<string> {
  const { subject, random } = arena
  const { pid } = subject
  const before = softLimit(pid)
  const open = readdirSync(`/proc/${pid}/fd`).length
  const limit = open + random.below(6)
  setSoftLimit(pid, String(limit))
  await pause(between(random, 1000, 3000))
  // The daemon changes its own limit for a moment at each start of a command, and may just have restored the low one.
  for (let turn = 0; turn < 100 && softLimit(pid) !== before; turn++) setSoftLimit(pid, before)
  await recovered(arena)
  return `${limit} with ${open} open`
}

const softLimit = (pid: number): string =>
  /^Max open files\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1] ?? 'unlimited'

const setSoftLimit = (pid: number, soft: string): void =>
  void execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`])

async function recovered({ subject, history }: Arena): Promise<void> {
  const deadline = performance.now() + RECOVERY_MS
  const healthy = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${subject.port}/health`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(1000),
    })
      .then((response) => response.ok)
      .catch(() => false)
  while (!(await healthy())) {
    if (performance.now() < deadline) await pause(50)
    else {
      const detail = `no 200 of /health within ${RECOVERY_MS} ms after the descriptors were given back`
      return history.add({ type: 'wrong', what: 'not recovered', client: 'driver', at: performance.now(), detail })
    }
  }
}
