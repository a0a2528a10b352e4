// Paths of a build, and its messages. The build for this machine's architecture is dist/workspace-runtime; one for
// another has its architecture in its name, so both can lie side by side.

import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')
export const MODULES = join(ROOT, 'node_modules')
/** Folder of files fetched for other architectures; `npm ci` empties it. */
export const CACHE = join(MODULES, '.cache/workspace-runtime')

export const ARCHES = ['x64', 'arm64'] as const
export type Arch = (typeof ARCHES)[number]

export interface Target {
  readonly arch: Arch
  /** True if made for the machine that makes it: only then can it run, and its code be compiled beforehand. */
  readonly native: boolean
  readonly dist: string
  readonly output: string
  /** Path of the stamp, which notes the inputs of the last build. */
  readonly stamp: string
}

export function targetOf(arch: Arch, dist: string): Target {
  const native = process.platform === 'linux' && arch === process.arch
  const suffix = native ? '' : `-${arch}`
  return {
    arch,
    native,
    dist,
    output: join(dist, `workspace-runtime${suffix}`),
    stamp: join(dist, `.stamp${suffix}`),
  }
}

export function say(text: string): void {
  console.log(`build: ${text}`)
}

export function mib(bytes: number): string {
  return `${(bytes / 1048576).toFixed(1)} MiB`
}
