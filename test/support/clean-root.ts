// An empty Debian as debootstrap makes it, without Node, npm, ripgrep or systemd. A program in it has it as its root,
// with /proc, /dev and a namespace of mounts that ends with the program. Undefined if this machine cannot make one.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** It is fetched from Debian's mirror, 120 MB. */
const FETCH_MS = 200_000
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface CleanRoot extends Disposable {
  readonly path: string
  /** Runs a shell line in it to its end. */
  run(line: string): { readonly code: number | null; readonly said: string }
  /** Starts a program in it; the caller ends the program. */
  start(line: string): ChildProcess
  /** Every path in it, sorted. */
  paths(): readonly string[]
}

export function makeCleanRoot(): CleanRoot | undefined {
  if (process.getuid?.() !== 0 || spawnSync('debootstrap', ['--version']).status !== 0) return undefined
  const path = mkdtempSync(join(tmpdir(), 'clean-root-'))
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  const made = spawnSync('debootstrap', ['--variant=minbase', 'bookworm', path], { timeout: FETCH_MS, stdio: 'ignore' })
  if (made.status !== 0) {
    remove()
    return undefined
  }
  const within = `mount -t proc proc ${path}/proc && mount --rbind /dev ${path}/dev && exec chroot ${path} "$@"`
  const argv = (line: string) =>
    ['--mount', 'sh', '-c', within, 'sh', '/usr/bin/env', '-i', `PATH=${PATH}`, 'HOME=/root', 'sh', '-c', line] as const
  return {
    path,
    run(line) {
      const { status, stdout, stderr } = spawnSync('unshare', argv(line), { encoding: 'utf8', timeout: 600_000 })
      return { code: status, said: stdout + stderr }
    },
    start: (line) => spawn('unshare', argv(`exec ${line}`), { stdio: ['ignore', 'ignore', 'inherit'] }),
    paths: () => readdirSync(path, { recursive: true, encoding: 'utf8' }).toSorted(),
    [Symbol.dispose]: remove,
  }
}
