// Mounts for tests, and a directory that is removed after its mounts are undone.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Reason to skip a test that mounts; false where it may. */
export const NO_MOUNTS: string | false = mayMount() ? false : 'mounting is not permitted here'

/** Reason to skip a test that needs to be root. */
export const NO_ROOT: string | false = process.getuid?.() === 0 ? false : 'not root'

export interface Ground {
  readonly dir: string
  /** Steps to take before the directory is removed, the last one first. */
  readonly undo: (() => unknown)[]
}

/** Makes a fresh directory with a short path. `t.testdir` would be removed before its mounts are undone. */
export function ground(t: Test): Ground {
  const dir = mkdtempSync(join(tmpdir(), 'ground-'))
  const undo: Ground['undo'] = []
  t.teardown(async () => {
    for (const step of undo.reverse()) await step()
    // A directory that a test has closed is closed to its owner too, unless the owner is root.
    if (NO_ROOT !== false) spawnSync('chmod', ['-R', 'u+rwX', dir])
    rmSync(dir, { recursive: true })
  })
  return { dir, undo }
}

/** Mounts a small disk below the directory; `options` are those of tmpfs. */
export function tmpfs({ dir, undo }: Ground, options: string): string {
  const point = join(dir, 'disk')
  mkdirSync(point)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', point])
  undo.push(() => execFileSync('umount', ['-l', point]))
  return point
}

export function bind({ undo }: Ground, from: string, to: string, options = 'rw'): void {
  execFileSync('mount', ['--bind', from, to])
  undo.push(() => execFileSync('umount', ['-l', to]))
  execFileSync('mount', ['-o', `remount,bind,${options}`, to])
}

function mayMount(): boolean {
  const point = mkdtempSync(join(tmpdir(), 'mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', point], { stdio: 'ignore' })
    execFileSync('umount', [point])
    return true
  } catch {
    return false
  } finally {
    rmSync(point, { recursive: true })
  }
}
