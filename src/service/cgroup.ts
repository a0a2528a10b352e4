// The daemon's place in a control group that was delegated to it (version 2; Delegate=yes in the unit): the daemon
// moves into a sub-group `daemon` and starts its children in a sibling `work`, with weights and limits that keep a
// greedy command from making the workspace unreachable (Z-02 to Z-04). systemd 254 could do the first half; older ones
// cannot, so the daemon does it everywhere. Best effort: a refused setting is named and left out. If no group was
// delegated, as in a container or a shell, nothing changes.

import { readFileSync, writeFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { canStartInGroup } from '../native/spawn.ts'
import { attributeOf } from '../native/files.ts'
import { errnoOf } from '../base/fault.ts'
import { makeWithParents } from '../base/make-directories.ts'

export interface DelegatedGroup {
  /** Directory of the daemon's group, and of the one for children. */
  readonly own: string
  readonly work: string
  /** Controllers that are enabled for both groups. */
  readonly controllers: readonly string[]
  /** Settings that failed, with the errno: "io.weight ENOENT". */
  readonly missing: readonly string[]
}

const WORK = 'work'
const MIB = 1024 * 1024
const CONTROLLERS = ['cpu', 'io', 'memory', 'pids'] as const
/** Weight of the daemon (CPUWeight and IOWeight of systemd); each group of children has 100. */
const DAEMON_WEIGHT = 1000
/** MemoryMin and MemoryLow of systemd.resource-control(5): memory that is never reclaimed, or only as a last resort. */
const DAEMON_KEEPS = { min: 64 * MIB, low: 128 * MIB }
/** TasksMax of systemd.resource-control(5): a fork bomb must leave room for the daemon's own threads. */
const MOST_PROCESSES = 4096
/** Processes in our group, if children start there and are moved: a fork bomb may fill it. Our threads are some 60. */
const MOST_PROCESSES_OF_OURS = 1024

/** Returns the memory limit of `work`: all but an eighth, or all but 128 MiB if that is less. */
export function workMemory(total: number): number {
  return total - Math.min(Math.floor(total / 8), 128 * MIB)
}

/** Moves this process; undefined if no group was delegated, the errno if it cannot be divided. */
export function enterDelegatedGroup(pid: number): DelegatedGroup | string | undefined {
  const own = ownGroup()
  if (own === undefined) return undefined
  const unit = [own, parentOf(own)].find((path) => path !== undefined && isDelegated(path))
  if (unit === undefined) return undefined
  const daemon = own === unit ? join(unit, 'daemon') : own
  const work = join(unit, WORK)
  const memory = workMemory(Math.min(totalmem(), process.constrainedMemory() || Infinity))
  try {
    for (const path of [daemon, work]) makeWithParents(path, 0o755)
    if (own === unit) writeFileSync(join(daemon, 'cgroup.procs'), String(pid))
  } catch (error) {
    return errnoOf(error) ?? 'failed'
  }
  const controllers = CONTROLLERS.filter((name) => set(unit, 'cgroup.subtree_control', `+${name}`) === undefined)
  const inForce = settings(daemon, work, memory).filter(([, name]) => controllers.some((one) => name.startsWith(one)))
  const missing = inForce.flatMap(([path, name, value]) => set(path, name, value) ?? [])
  return { own: daemon, work, controllers, missing }
}

function settings(daemon: string, work: string, memory: number): readonly (readonly [string, string, string])[] {
  return [
    [daemon, 'cpu.weight', String(DAEMON_WEIGHT)],
    [daemon, 'io.weight', `default ${DAEMON_WEIGHT}`],
    [daemon, 'memory.min', String(DAEMON_KEEPS.min)],
    [daemon, 'memory.low', String(DAEMON_KEEPS.low)],
    [work, 'memory.max', String(memory)],
    [work, 'pids.max', String(MOST_PROCESSES)],
    ...(canStartInGroup() ? [] : [[daemon, 'pids.max', String(MOST_PROCESSES_OF_OURS)] as const]),
  ]
}

/**
 * The delegated group above us, if systemd placed us in a sub-group (DelegateSubgroup=). Not a unit name, not the group
 * of commands.
 */
function parentOf(own: string): string | undefined {
  const name = basename(own)
  return name === WORK || name.includes('.') ? undefined : dirname(own)
}

/** Writes one setting; returns the setting and the errno if the kernel refused it. */
function set(path: string, name: string, value: string): string | undefined {
  try {
    writeFileSync(join(path, name), value)
    return undefined
  } catch (error) {
    return `${name} ${errnoOf(error) ?? 'failed'}`
  }
}

/** True if systemd marked the group as delegated; only the superuser sees the older of the two marks. */
function isDelegated(path: string): boolean {
  return ['user.delegate', 'trusted.delegate'].some((name) => attributeOf(path, name) === '1')
}

/** Returns the directory of the group that this process is in. */
function ownGroup(): string | undefined {
  try {
    return groupDirectory(readFileSync('/proc/self/cgroup', 'utf8'), readFileSync('/proc/self/mountinfo', 'utf8'))
  } catch {
    return undefined // no /proc, or no such file in it
  }
}

/** Returns the directory by /proc/self/cgroup and /proc/self/mountinfo; undefined if the group is outside the mount. */
export function groupDirectory(groups: string, mounts: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(groups)?.[1]
  // "36 35 98:0 /root /mount/point options - type source options"
  const mount = mounts.split('\n').find((line) => line.includes(' - cgroup2 '))
  const [, , , root, point] = mount?.split(' ') ?? []
  if (path === undefined || root === undefined || point === undefined) return undefined
  const below = relative(root, path)
  // The root has no parent that could have delegated it.
  return below === '' || below.startsWith('..') ? undefined : join(point, below)
}
