// Opens a path for looking (O_PATH: no content is touched, no FIFO waits) with every directory on the way judged. If no
// link was followed, the kernel's path of what was opened is the way itself. Otherwise, and if something is missing,
// the way is gone step by step: a link of /proc that leads away from a process, or a name below a directory that is
// withheld, is refused before the answer tells whether anything is there.

import { constants, readlinkSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { textOfBytes } from '../../../base/bytes-text.ts'
import { MOST_LINKS, O_PATH, pathOfOpened } from '../../../base/opened-path.ts'
import { open, readlink } from '../../../base/path-calls.ts'
import { Fault, quote } from '../../../base/fault.ts'
import { remoteCall } from '../mounts/remote-calls.ts'

const { O_DIRECTORY, O_NOFOLLOW } = constants

export interface Judge {
  /** Throws if what is open as `fd` may not be used. */
  judge(fd: number, path: string): Promise<void>
  /** Resolves with true if links in the directory lead to what a process holds, and not to the path that they show. */
  ofProcess(directory: number): Promise<boolean>
}

/** Resolves with a handle that the caller closes. Throws what the judge throws, or the system's error. */
export async function openJudged(path: string, keepLink: boolean, judge: Judge): Promise<FileHandle> {
  const opening = async (): Promise<FileHandle> => {
    const handle = await openPath(path, keepLink).catch(() => undefined)
    if (handle !== undefined && kernelPath(handle.fd) === path) return await judged(handle, path, judge)
    await handle?.close()
    return await walk({ path, keepLink, judge })
  }
  return await remoteCall(path, opening, (late) => void late.close().catch(() => undefined))
}

export async function openPath(path: string | Buffer, keepLink = false): Promise<FileHandle> {
  return await open(path, O_PATH | (keepLink ? O_NOFOLLOW : 0))
}

/**
 * Returns the path of what is open, as the kernel has it now: in the form of our paths, or latin1, one character a
 * byte.
 */
export function kernelPath(fd: number, form: 'path' | 'latin1' = 'path'): string {
  const bytes = readlinkSync(pathOfOpened(fd), 'buffer')
  return form === 'latin1' ? bytes.toString('latin1') : textOfBytes(bytes)
}

async function judged(handle: FileHandle, path: string, judge: Judge): Promise<FileHandle> {
  try {
    await judge.judge(handle.fd, path)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

interface Way {
  readonly path: string
  readonly keepLink: boolean
  readonly judge: Judge
}

/** Goes from directory to directory; each is opened through the one before, and judged. */
async function walk({ path, keepLink, judge }: Way): Promise<FileHandle> {
  const ahead = stepsOf(path)
  let links = 0
  let at = await openRoot()
  try {
    for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
      const step = `${pathOfOpened(at.fd)}/${name}`
      const next = await judged(await openPath(step, true), path, judge)
      let arrived: FileHandle | undefined = next
      if ((await next.stat()).isSymbolicLink() && (ahead.length > 0 || !keepLink)) {
        await next.close()
        if (++links > MOST_LINKS) throw loop(path)
        arrived = (await judge.ofProcess(at.fd)) ? await openPath(step) : await turn(step, ahead)
      }
      if (arrived === undefined) continue
      await at.close()
      at = arrived
    }
    return await judged(at, path, judge)
  } catch (error) {
    await at.close().catch(() => undefined) // it is closed already if the judge has refused the end
    throw error
  }
}

/**
 * Puts the way of a link before the steps that are left. Returns the root if the link begins there; undefined: the walk
 * goes on from where it is.
 */
async function turn(link: string, ahead: string[]): Promise<FileHandle | undefined> {
  const to = await readlink(link)
  ahead.unshift(...stepsOf(to))
  return to.startsWith('/') ? await openRoot() : undefined
}

async function openRoot(): Promise<FileHandle> {
  return await open('/', O_PATH | O_DIRECTORY)
}

function stepsOf(path: string): string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.')
}

function loop(path: string): Fault {
  return new Fault('conflict', `path ${quote(path)} goes through a loop of symbolic links`, { details: { path } })
}
