// A control group with a limit, of version 2 or, if that has no controllers, of version 1. A fork bomb of a test stays
// inside it. Undefined if this machine gives none. At the end of the test, also of one that failed, all processes in
// the group are killed and the group is removed.

import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './until.ts'

interface Owner {
  teardown(handler: () => Promise<void>): unknown
}

export interface BoundedGroup {
  /** A line of shell by which a process enters, before it becomes the daemon. */
  readonly enter: string
  /** How many processes and threads are in it. */
  size(): number
  /** How often one more was refused (pids). */
  refusals(): number
}

/** The files of a limit, in version 2 and in version 1. */
const LIMITS = {
  pids: ['pids.max', 'pids.max'],
  memory: ['memory.max', 'memory.limit_in_bytes'],
} as const

export function makeBoundedGroup(t: Owner, controller: 'pids' | 'memory', limit: number): BoundedGroup | undefined {
  for (const [index, parent] of [parentOf('cgroup2', ''), parentOf('cgroup', controller)].entries()) {
    if (parent === undefined) continue
    const directory = join(parent, `workspace-runtime-test-${process.pid}-${controller}`)
    const file = join(directory, LIMITS[controller][index] ?? '')
    try {
      mkdirSync(directory)
    } catch {
      continue
    }
    t.teardown(() => until('the control group is empty and gone', () => removed(directory)))
    try {
      writeFileSync(file, String(limit))
    } catch {
      continue // the controller is not given on to this group
    }
    const size = () => lines(join(directory, index === 0 ? 'cgroup.threads' : 'tasks')).length
    const refusals = () => Number(/^max (\d+)$/m.exec(lines(join(directory, 'pids.events')).join('\n'))?.[1] ?? 0)
    return { refusals, enter: `echo $$ > ${directory}/cgroup.procs`, size }
  }
  return undefined
}

/** The directory of the group this process is in, of a hierarchy of version 2, or that of a controller. */
function parentOf(type: string, controller: string): string | undefined {
  const mount = lines('/proc/self/mountinfo').find((line) => {
    const [options = ''] = line.split(' ').slice(-1)
    return line.includes(` - ${type} `) && (controller === '' || options.split(',').includes(controller))
  })
  const point = mount?.split(' ')[4]
  const own = lines('/proc/self/cgroup').find((line) => line.split(':')[1]?.split(',').includes(controller))
  return point === undefined || own === undefined ? undefined : join(point, own.split(':').slice(2).join(':'))
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n').filter(Boolean)
  } catch {
    return []
  }
}

/** Forbids forks, kills every process of the group, and removes the group once they have gone. */
function removed(directory: string): boolean {
  try {
    if (readdirSync(directory).includes('pids.max')) writeFileSync(join(directory, 'pids.max'), '0')
    for (const pid of lines(join(directory, 'cgroup.procs'))) process.kill(Number(pid), 'SIGKILL')
  } catch {
    // one has gone meanwhile
  }
  try {
    rmdirSync(directory)
    return true
  } catch {
    return false
  }
}
