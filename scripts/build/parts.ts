// The three binaries of an executable: Node, ripgrep, koffi's library. For this machine they are in node_modules. For
// another architecture npm does not install them: their packages are fetched through npm into a cache, in the version
// of package-lock.json, and taken only if their SHA-512 is the one in that file.

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { extract } from 'tar'
import { run } from './command.ts'
import { installedVersion, locked } from './lock.ts'
import { type Arch, CACHE, mib, MODULES, say, type Target } from './paths.ts'

export const PART_NAMES = ['node', 'rg', 'koffi.node'] as const
export type PartName = (typeof PART_NAMES)[number]

export interface Part {
  /** npm package, its version and its folder. */
  readonly name: string
  readonly version: string
  readonly directory: string
  readonly file: string
}
export type Parts = Readonly<Record<PartName, Part>>

/** Packages of the parts. The C library is that of the Node binary: glibc. */
const SOURCES: Readonly<Record<PartName, (arch: Arch) => { name: string; path: string }>> = {
  node: (arch) => ({ name: `node-linux-${arch}`, path: 'bin/node' }),
  rg: (arch) => ({ name: `@vscode/ripgrep-linux-${arch}`, path: 'bin/rg' }),
  'koffi.node': (arch) => ({ name: `@koromix/koffi-linux-${arch}`, path: `linux_${arch}/koffi.node` }),
}

export function installedParts(arch: Arch): Parts {
  return each((part) => {
    const { name, path } = SOURCES[part](arch)
    const { version } = locked(`node_modules/${name}`)
    const installed = installedVersion(`node_modules/${name}`)
    if (installed !== version) {
      throw new Error(`node_modules has ${name} ${installed ?? 'not'}, package-lock.json ${version}: run npm ci`)
    }
    const directory = join(MODULES, name)
    return { name, version, directory, file: join(directory, path) }
  })
}

/** Returns the parts for `target`; fetched ones are unpacked below `work`. */
export async function partsFor(target: Target, work: string): Promise<Parts> {
  if (target.native) return installedParts(target.arch)
  const unpacked = await Promise.all(
    PART_NAMES.map(async (part): Promise<[PartName, Part]> => {
      const { name, path } = SOURCES[part](target.arch)
      const { version, integrity } = locked(`node_modules/${name}`)
      const directory = join(work, 'packages', name)
      mkdirSync(directory, { recursive: true })
      await extract({ file: fetchPackage(name, version, integrity), cwd: directory, strip: 1 })
      return [part, { name, version, directory, file: join(directory, path) }]
    }),
  )
  const found = new Map(unpacked)
  return each((part) => found.get(part) as Part) // each part was unpacked above
}

/** Returns the package's archive in the cache, verified at each use. */
export function fetchPackage(name: string, version: string, integrity: string): string {
  mkdirSync(CACHE, { recursive: true })
  const archive = join(CACHE, `${name.replaceAll('/', '-')}-${version}.tgz`)
  if (integrityOf(archive) === integrity) return archive
  const aside = mkdtempSync(join(CACHE, '.fetch-'))
  try {
    run('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', aside], aside)
    const [only] = readdirSync(aside)
    if (only === undefined) throw new Error(`npm pack ${name}@${version} has left nothing`)
    const found = integrityOf(join(aside, only))
    if (found !== integrity) throw new Error(`${name}@${version} is ${found}, package-lock.json says ${integrity}`)
    renameSync(join(aside, only), archive)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  say(`fetched ${name} ${version}, ${mib(readFileSync(archive).length)}, SHA-512 as in package-lock.json`)
  return archive
}

function integrityOf(file: string): string | undefined {
  try {
    return `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
  } catch {
    return undefined // not there yet
  }
}

function each(make: (part: PartName) => Part): Parts {
  return { node: make('node'), rg: make('rg'), 'koffi.node': make('koffi.node') }
}
