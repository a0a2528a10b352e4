// package-lock.json: the version of a package in a build, its hash, and its dependencies. A package is named by its
// place in the lock file, such as "node_modules/ws".

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './paths.ts'

export interface Locked {
  readonly version: string
  /** Subresource integrity of the package's archive: "sha512-" and Base64. */
  readonly integrity: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
}
type Lock = Readonly<Record<string, Locked>>

const file = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Lock } // npm's format

export function locked(place: string): Locked {
  const found = file.packages[place]
  if (found === undefined) throw new Error(`package-lock.json has no ${place}`)
  if (!found.integrity.startsWith('sha512-')) throw new Error(`package-lock.json has no SHA-512 of ${place}`)
  return found
}

/** Returns the version that node_modules has at that place, undefined if it has none. */
export function installedVersion(place: string): string | undefined {
  const path = join(ROOT, place, 'package.json')
  if (!existsSync(path)) return undefined
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version // npm's format
}

/** Returns these packages and all that they depend on, in order of their names. */
export function withDependencies(places: readonly string[]): string[] {
  const found = new Set<string>()
  const queue = [...places]
  for (let place = queue.pop(); place !== undefined; place = queue.pop()) {
    if (found.has(place)) continue
    found.add(place)
    for (const name of Object.keys(locked(place).dependencies ?? {})) queue.push(resolved(name, place))
  }
  return [...found].toSorted()
}

/** Finds a package as Node resolves: below the package that asks, then below each one around it. */
function resolved(name: string, from: string): string {
  for (let around = from; ; around = around.slice(0, around.lastIndexOf('/node_modules/'))) {
    if (file.packages[`${around}/node_modules/${name}`] !== undefined) return `${around}/node_modules/${name}`
    if (!around.includes('/node_modules/')) return `node_modules/${name}`
  }
}
