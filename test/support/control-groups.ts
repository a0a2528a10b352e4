// A control group (version 2) for one test, marked as delegated in the way of systemd. Undefined if this machine gives
// none. It is emptied and removed at the end of the test.

import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { libc } from '../../src/native/libc.ts'
import { until } from './until.ts'

const setxattr = libc.func('int setxattr(str path, str name, void *value, size_t size, int flags)')

interface Owner {
  teardown(handler: () => Promise<void>): unknown
}

/** Below the group this process is in. */
export function makeDelegatedGroup(t: Owner, name: string): string | undefined {
  const point = / (\S+) \S+ - cgroup2 /.exec(mountLine())?.[1]
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1]
  if (point === undefined || own === undefined) return undefined
  const directory = join(point, own, `workspace-runtime-test-${process.pid}-${name}`)
  try {
    mkdirSync(directory)
  } catch {
    return undefined
  }
  t.teardown(async () => {
    await until('the control group can be removed', () => removed(directory))
  })
  return setxattr(directory, 'user.delegate', Buffer.from('1'), 1, 0) === 0 ? directory : undefined
}

function mountLine(): string {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n')
  const found = lines.find((line) => line.includes(' - cgroup2 ')) ?? ''
  const [, , , root = '', point = ''] = found.split(' ')
  return root === '/' ? ` ${point} x - cgroup2 ` : ''
}

/** Removes the group once no process is in it. */
function removed(directory: string): boolean {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory() && !removed(join(directory, entry.name))) return false
  }
  try {
    rmdirSync(directory)
    return true
  } catch {
    writeFileSync(join(directory, 'cgroup.kill'), '1')
    return false
  }
}
