// Boots a small machine with a real systemd from the /usr of this one, by systemd-nspawn. Its /etc and /var start
// empty, its network is separate, and nothing that it writes stays. Undefined if this machine cannot boot one.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './until.ts'

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Machine {
  /** A shell line as root inside it. */
  readonly run: (line: string) => Run
}

interface Owner {
  teardown(handler: () => Promise<void>): unknown
}

/** Longest time for the boot, which takes three seconds on a quiet machine. */
const BOOT_MS = 60_000
const LAST_MS = 10_000

/** `folders` of this machine can be read in it, under the same names. */
export async function bootMachine(t: Owner, folders: readonly string[]): Promise<Machine | undefined> {
  if (process.getuid?.() !== 0 || spawnSync('systemd-nspawn', ['--version']).status !== 0) return undefined
  const name = `workspace-runtime-test-${process.pid}`
  const groups = ownGroups(name)
  if (groups === undefined) return undefined
  const enter = groups.map((group) => `echo $$ > ${group}/cgroup.procs && `).join('')
  const hostless = existsSync('/run/systemd/system') ? [] : ['--keep-unit']
  const args = [
    '--quiet',
    '--register=no',
    ...hostless,
    '--boot',
    '--directory=/',
    '--volatile=yes',
    `--machine=${name}`,
  ]
  const more = ['--private-network', '--console=pipe', ...folders.map((folder) => `--bind-ro=${folder}`)]
  const init = ['systemd.unit=basic.target', 'systemd.firstboot=off', 'systemd.show_status=no']
  const child = spawn('/bin/sh', ['-c', `${enter}exec systemd-nspawn "$@"`, 'sh', ...args, ...more, ...init], {
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let leader: number | undefined
  const run = (line: string): Run => {
    const argv = ['-t', String(leader), '-m', '-u', '-i', '-n', '-p', '-C', '--', '/bin/sh', '-c', line]
    const { status, stdout, stderr } = spawnSync('nsenter', argv, { encoding: 'utf8', env: { PATH }, timeout: 600_000 })
    return { code: status, stdout, stderr }
  }
  t.teardown(async () => {
    // nspawn ends with its machine, and clears up behind it; killed it would not.
    if (leader !== undefined) kill(leader)
    else child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), LAST_MS)
    await ended
    clearTimeout(timer)
    rmSync(`/run/systemd/nspawn/propagate/${name}`, { recursive: true, force: true })
    for (const group of groups) await until(`${group} can be removed`, () => removed(group))
  })
  let over = false
  void ended.then(() => (over = true))
  await until('the machine has started', () => over || (leader = leaderOf(child.pid ?? 0)) !== undefined, BOOT_MS)
  const up = () => over || run('systemctl is-active --quiet basic.target').code === 0
  await until('the machine is up', up, BOOT_MS).catch(() => (over = true))
  return over ? undefined : { run }
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}

/** The init of the machine: the child of nspawn that calls itself systemd. */
function leaderOf(nspawn: number): number | undefined {
  const pids = spawnSync('ps', ['-o', 'pid=,comm=', '--ppid', String(nspawn)], { encoding: 'utf8' }).stdout
  const found = /^ *(\d+) systemd$/m.exec(pids)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Control groups of the test's own, so that what nspawn makes of its group is removed with it. */
function ownGroups(name: string): readonly string[] | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'latin1').split('\n')
  const made: string[] = []
  for (const [, controllers = '', path = ''] of readFileSync('/proc/self/cgroup', 'latin1').matchAll(
    /^\d+:(.*?):(.*)$/gm,
  )) {
    const wanted = controllers === '' ? ' - cgroup2 ' : controllers === 'name=systemd' ? 'name=systemd' : undefined
    const mount = wanted === undefined ? undefined : mounts.find((line) => line.includes(wanted))?.split(' ')[4]
    if (mount === undefined) continue
    try {
      mkdirSync(join(mount, path, name))
      made.push(join(mount, path, name))
    } catch {
      for (const group of made) rmdirSync(group)
      return undefined
    }
  }
  return made.length === 0 ? undefined : made
}

function removed(group: string): boolean {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory() && !removed(join(group, entry.name))) return false
  }
  try {
    rmdirSync(group)
    return true
  } catch {
    return false
  }
}
