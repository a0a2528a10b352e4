// Runs the daemon beside programs that a user could pick instead: each installed one does each thing in turn, A B C A B
// C, on the same tree. Missing ones are named. Those of the npm registry are installed for the run if a flag asks for
// it, outside the project and without their install scripts.

import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measured, type Bench, type Range } from './figure.ts'
import { openGround } from './ground.ts'
import { PEERS } from './peers/all.ts'
import { ASKS, type Ask, type Peer, type Place, type RunningPeer } from './peers/peer.ts'
import { output } from './processes.ts'

export interface Comparison {
  readonly ask: string
  readonly peer: string
  /** Median milliseconds; absent if it failed. */
  readonly ms?: number
  readonly spread?: number
  readonly range?: Range
  /** Ratio to the daemon's own time, measured in the same rounds: above 1 it takes longer. */
  readonly ratio?: number
  readonly failed?: string
}

export interface Comparing {
  readonly rows: readonly Comparison[]
  /** Names of skipped peers, with the reason. */
  readonly skipped: Readonly<Record<string, string>>
}

const ROUNDS = 7
/** Milliseconds of one thing after which a peer is not asked for it again. */
const BUDGET_MS = 15_000
const LARGE_BYTES = 512 * 1024 ** 2

export interface CompareOptions {
  readonly install: boolean
  /** Folder of installed packages; removed after the run unless given. */
  readonly directory?: string | undefined
}

export async function compare(bench: Bench, options: CompareOptions): Promise<Comparing> {
  const tree = bench.tree()
  using ground = openGround('peers', { bytes: LARGE_BYTES, files: 10 })
  const large = join(ground.path, 'large.bin')
  writeFileSync(large, '')
  truncateSync(large, LARGE_BYTES)
  const scratch = mkdtempSync(join(tmpdir(), 'workspace-runtime-peers-'))
  const named = Array.from({ length: tree.files }, (_, i) => `file${i}`).filter((name) =>
    name.includes('file9999'),
  ).length
  const place = { tree, large, scratch, named, file: join(tree.path, 'file0.ts') }
  const skipped: Record<string, string> = {}
  await using running = new AsyncDisposableStack()
  try {
    const peers: [string, RunningPeer][] = []
    for (const peer of PEERS) {
      bench.print(`peer ${peer.name}`)
      const opened = await openPeer(peer, place, { ...options, directory: options.directory ?? join(scratch, 'npm') })
      if (typeof opened === 'string') skipped[peer.name] = opened
      else peers.push([peer.name, running.use(opened)])
    }
    const rows: Comparison[] = peers.flatMap(([peer, { startMs }]) =>
      startMs === undefined ? [] : [{ ask: 'start, to its first answer', peer, ms: startMs }],
    )
    for (const [ask, name] of Object.entries(ASKS)) {
      bench.print(name)
      rows.push(...(await askAll(ask as Ask, peers, bench.quick ? 1 : ROUNDS))) // a key of ASKS
    }
    return { rows, skipped }
  } finally {
    await running.disposeAsync()
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Resolves with the running peer, or the reason why there is none. */
async function openPeer(peer: Peer, place: Omit<Place, 'installed'>, options: CompareOptions) {
  try {
    const packages = peer.packages ?? []
    const installed = await install(packages, options)
    if (packages.length > 0 && installed === undefined) return 'not installed; --with-peers installs it for the run'
    return (await peer.open({ ...place, installed })) ?? 'not on this machine'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Installs each peer's packages separately, so that a missing one leaves the others. */
async function install(packages: readonly string[], options: CompareOptions): Promise<string | undefined> {
  if (packages.length === 0) return undefined
  const directory = join(options.directory ?? tmpdir(), packages.join('-').replaceAll(/[^a-z-]/g, '-'))
  if (existsSync(join(directory, 'package-lock.json'))) return directory
  if (!options.install) return undefined
  mkdirSync(directory, { recursive: true })
  // of a package deep below Desktop Commander some registries lack the newest patch
  const overrides = { 'typedarray.prototype.slice': '^1.0.5' }
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, overrides }))
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await output('npm', ['install', '--prefix', directory, ...quiet, ...packages])
  return directory
}

async function askAll(ask: Ask, peers: readonly [string, RunningPeer][], rounds: number): Promise<Comparison[]> {
  const able = peers.flatMap(([peer, { acts }]) => {
    const act = acts[ask]
    return act === undefined ? [] : [{ peer, act, samples: [] as number[], spent: 0, failed: '' }]
  })
  for (let round = 0; round <= rounds; round++) {
    for (const one of able) {
      if (one.failed !== '' || (one.spent > BUDGET_MS && one.samples.length > 0)) continue
      try {
        const ms = await one.act()
        one.spent += ms
        // the first warms up, unless it is so slow that there will be no other
        if (round > 0 || ms > BUDGET_MS / 2) one.samples.push(ms)
      } catch (error) {
        one.failed = error instanceof Error ? error.message : String(error)
      }
    }
  }
  const base = able[0]?.peer === peers[0]?.[0] ? measured(able[0]?.samples ?? []).ours : Number.NaN
  return able.map(({ peer, samples, failed }) => {
    if (failed !== '') return { ask: ASKS[ask], peer, failed }
    const { ours: ms, spread, range } = measured(samples)
    return { ask: ASKS[ask], peer, ms, spread, range, ratio: ms / base }
  })
}
