// Notes the inputs of the last build, so that a build with the same inputs is skipped. The stamp names its executable
// by size and time: of two builds at once each may replace the other's executable, but a stamp never describes another
// one.

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { type Built } from './bundle.ts'
import { FLAGS } from './executable.ts'
import { installedParts, PART_NAMES } from './parts.ts'
import { ROOT, type Target } from './paths.ts'

export interface Stamp {
  readonly inputs: string
  /** Size and time of the executable. */
  readonly made: string
  readonly facts: Built['facts']
  /** Bundled packages, as places in package-lock.json. */
  readonly packages: readonly string[]
}

/** Returns the inputs. The presence of strip is an input too: it changes the bytes. */
export function inputsOf(target: Target, facts: Built['facts'], strips: boolean): string {
  const hash = createHash('sha256').update(
    JSON.stringify({ facts, FLAGS, strips, arch: target.arch, node: process.version }),
  )
  const files = ['build.mjs', 'package.json', 'package-lock.json'].map((name) => join(ROOT, name))
  for (const file of [...files, ...filesBelow(join(ROOT, 'scripts/build')), ...filesBelow(join(ROOT, 'src'))]) {
    hash.update(`\n${relative(ROOT, file)} `).update(createHash('sha256').update(readFileSync(file)).digest())
  }
  // Packages count by the lock file; this machine's binaries, which may have been replaced, by size and time.
  const parts = installedParts(process.arch === 'arm64' ? 'arm64' : 'x64')
  for (const name of PART_NAMES) {
    const { size, mtimeMs } = statSync(parts[name].file)
    hash.update(`\n${name} ${size} ${mtimeMs}`)
  }
  return hash.digest('hex')
}

/** Returns the stamp of the present executable; undefined if there is none, or if another build has made it. */
export function readStamp(target: Target): Stamp | undefined {
  if (!existsSync(target.output) || !existsSync(target.stamp)) return undefined
  try {
    const stamp = JSON.parse(readFileSync(target.stamp, 'utf8')) as Stamp // written below, whole or not at all
    return stamp.made === identityOf(target.output) ? stamp : undefined
  } catch {
    return undefined // from a build before the stamp was JSON
  }
}

/** Moves the executable and its stamp to their places. */
export function place(target: Target, executable: string, stamp: Omit<Stamp, 'made'>): Stamp {
  const whole = { ...stamp, made: identityOf(executable) }
  writeFileSync(`${executable}.stamp`, JSON.stringify(whole))
  renameSync(executable, target.output)
  renameSync(`${executable}.stamp`, target.stamp)
  return whole
}

/** Returns size and time, which a file keeps when it is renamed. */
function identityOf(file: string): string {
  const { size, mtimeNs } = statSync(file, { bigint: true })
  return `${size} ${mtimeNs}`
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}
