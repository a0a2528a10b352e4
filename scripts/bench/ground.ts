// Chooses where the large files of a run lie: in memory if the system has room there, because the speed of a disk is
// not measured, else among the temporary files.

import { accessSync, constants, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Ground extends Disposable {
  readonly path: string
}

export interface Room {
  readonly bytes: number
  readonly files: number
}

/** Magic number of tmpfs (linux/magic.h). */
const TMPFS_MAGIC = 0x01021994
const MEMORY = '/dev/shm'
/** Bytes of a file besides its content: its inode and name. */
const FILE_BYTES = 2048
/** Bytes that stay free for the system. */
const SPARE_BYTES = 2 * 1024 ** 3

/** Makes a directory for this run alone. */
export function openGround(name: string, room: Room): Ground {
  const path = mkdtempSync(join(place(room), `workspace-runtime-${name}-`))
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  process.once('exit', remove) // an interrupted run disposes of nothing, and this is memory
  return {
    path,
    [Symbol.dispose]: () => {
      process.off('exit', remove)
      remove()
    },
  }
}

function place({ bytes, files }: Room): string {
  try {
    accessSync(MEMORY, constants.W_OK)
    const { type, ffree, bavail, bsize } = statfsSync(MEMORY)
    const needed = bytes + files * FILE_BYTES
    const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024
    const fits = type === TMPFS_MAGIC && bavail * bsize > needed && available > needed + SPARE_BYTES
    if (fits && (ffree === 0 || ffree > 2 * files)) return MEMORY // 0: as many as there is memory
  } catch {
    // there is none here
  }
  return tmpdir()
}
