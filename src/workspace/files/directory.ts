// Making directories: parents included, safe beside others who make the same ones (reliability F-13), with
// exactly the permissions asked for whatever the daemon's umask. Existing ones stay as they are.

import { chmod, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, Fault, faultOfSystem, quote } from '../../base/fault.ts'

/** Permissions of parents, and of the directory itself unless others are given (contract 2). */
export const DIRECTORY_MODE = 0o755

/** Steps up to a parent: a path of 4,095 bytes has 2,048 levels; beyond twice that others keep removing them. */
const MOST_STEPS = 4096

/** Makes `path` and its missing parents; returns those made, outermost first. */
export async function makeDirectories(path: string, mode: number = DIRECTORY_MODE): Promise<string[]> {
  const created: string[] = []
  const missing = [path]
  let steps = 0
  for (let at = missing.at(-1); at !== undefined; at = missing.at(-1)) {
    const outcome = await makeOne(at, at === path ? mode : DIRECTORY_MODE)
    if (outcome === 'no parent') {
      missing.push(dirname(at))
      if (++steps > MOST_STEPS) {
        throw new Fault('conflict', `path ${quote(path)} cannot be made: its parents are being removed`, {
          details: { path },
        })
      }
      continue
    }
    missing.pop()
    if (outcome === 'made') created.push(at)
  }
  return created
}

async function makeOne(path: string, mode: number): Promise<'made' | 'exists' | 'no parent'> {
  try {
    await mkdir(path, mode)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && path !== '/') return 'no parent'
    if (errnoOf(error) !== 'EEXIST') throw faultOfSystem(error, path)
    if (await isDirectory(path)) return 'exists'
    throw new Fault('conflict', `path ${quote(path)} exists already and is not a directory`, { details: { path } })
  }
  await setMode(path, mode)
  return 'made'
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false // a dangling link
  }
}

/** Undoes the umask; the set-group-id bit that a directory inherits stays (reliability F-12). */
async function setMode(path: string, mode: number): Promise<void> {
  try {
    const now = (await stat(path)).mode & 0o7777
    const wanted = mode | (now & 0o2000)
    if (now !== wanted) await chmod(path, wanted)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw faultOfSystem(error, path)
  }
}
