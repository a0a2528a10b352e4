// The directory of a run: a temporary one, with a small disk for the files if mounting is permitted. Names the faults
// that this machine cannot do, each with its reason.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Bytes of the disk: a run writes a few MiB. */
const DISK = 64 * 1024 * 1024
const FAKETIME = ['x86_64', 'aarch64'].map((arch) => `/usr/lib/${arch}-linux-gnu/faketime/libfaketimeMT.so.1`)

export interface Ground extends Disposable {
  readonly directory: string
  /** Folder for files, on the small disk if there is one. */
  readonly files: string
  readonly state: string
  /** Folder where commands note that they ran: no fault touches it. */
  readonly runs: string
  /** Library and file that move the clock of the daemon; undefined without libfaketime. */
  readonly clock: { readonly library: string; readonly file: string } | undefined
  readonly hasDisk: boolean
  readonly hasPrlimit: boolean
  /** Faults that are not possible here, with their reasons. */
  readonly skipped: readonly string[]
}

export function openGround(): Ground {
  const directory = mkdtempSync(join(tmpdir(), 'faults-'))
  const files = join(directory, 'files')
  const state = join(directory, 'state')
  for (const made of [files, state]) mkdirSync(made)
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'none', files])
  const hasDisk = mount.status === 0
  const library = FAKETIME.find((path) => existsSync(path))
  const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0
  return {
    directory,
    files,
    state,
    runs: join(directory, 'runs'),
    clock: library === undefined ? undefined : { library, file: join(directory, 'clock') },
    hasDisk,
    hasPrlimit,
    skipped: [
      ...(hasDisk ? [] : ['disk full: needs root, to mount a small disk']),
      ...(library === undefined ? ['clock moved: needs libfaketime (Debian: libfaketime)'] : []),
      ...(hasPrlimit ? [] : ['descriptors run out: needs prlimit (Debian: util-linux)']),
    ],
    [Symbol.dispose]() {
      if (hasDisk) execFileSync('umount', ['-l', files])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
