// Finds the parts that are not bundled JavaScript: worker code, ripgrep, the native library, and the facts of the
// build. From source they are files in the tree; in the executable they are assets inside it, and the two that must be
// files (rg, koffi's library) are unpacked once into a private directory. Worker threads learn the unpacked paths
// through Node's environment data, so this module works in both.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { getAsset, getRawAsset } from 'node:sea'
import {
  getEnvironmentData,
  setEnvironmentData,
  type ResourceLimits,
  type Transferable,
  Worker,
} from 'node:worker_threads'
import type { ConditionKind } from './conditions.ts'
import { StartError } from './signals.ts'
import { type Packed, privateDirectory, prove, unpack } from './unpack.ts'

/** Worker entry points: files of src/threads, each bundled by build.mjs on its own. */
export const WORKERS = [
  'tree-walker',
  'json-parser',
  'terminal-reader',
  'inotify-reader',
  'polling-watcher',
  'archive-packer',
  'archive-unpacker',
] as const
export type WorkerName = (typeof WORKERS)[number]

export interface BuildFacts {
  readonly version: string
  /** Short hash, with "-dirty" if the tree had changes; "unknown" from source or if the build had no git. */
  readonly commit: string
  readonly node: string
  /** Version of the embedded ripgrep ("15.0.0"); from source the package it comes from. */
  readonly ripgrep: string
}

/** The parts that must be files, in the order in which they are unpacked. */
type Part = 'koffi.node' | 'rg'
type Paths = Readonly<Partial<Record<Part, string>>>

/** The text that build.mjs writes in place of BUILT; a run from source has no such variable. */
interface Built {
  readonly facts: Omit<BuildFacts, 'node'>
  readonly parts: readonly { readonly name: Part; readonly sha256: string; readonly bytes: number }[]
}
declare const BUILT: Built
const built: Built | undefined = typeof BUILT === 'undefined' ? undefined : BUILT

const PATHS = 'workspace-runtime unpacked paths'

export interface AssetPlaces {
  readonly directory: string | undefined
  /** Directory to use instead of the system's temporary one. */
  readonly temporary?: string | undefined
}

export const NOT_UNPACKED: ConditionKind = {
  id: 'own_parts_not_unpacked',
  severity: 'warning',
  todo: 'set XDG_CACHE_HOME to a folder where files may be written and executed, and start the daemon again',
}

export interface Assets extends Disposable {
  /** Parts that could not be unpacked anywhere, one sentence each; a feature that needs one fails or does without. */
  readonly problems: readonly string[]
}

/**
 * Makes the unpacked parts available; main calls it before anything else starts. `directory` is the private cache; if
 * there is none or it cannot be used, one is made in `temporary` and removed at the end. Without ripgrep the daemon
 * serves, without the native library it can start nothing.
 */
export function openAssets(options: AssetPlaces): Assets {
  if (built === undefined) return { problems: [], [Symbol.dispose]: () => {} }
  const packed = built.parts.map(packedOf)
  const { paths, problems, temporary } = unpackAll(options.directory, packed, options.temporary)
  const dispose = (): void => {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
  }
  if (paths['koffi.node'] === undefined) {
    dispose()
    throw new StartError(`${problems[0]}; set XDG_CACHE_HOME to a folder where files may be written and executed`)
  }
  setEnvironmentData(PATHS, paths)
  return { problems, [Symbol.dispose]: dispose }
}

function packedOf(part: Built['parts'][number]): Packed {
  const read = (): Uint8Array => new Uint8Array(getRawAsset(part.name))
  return { ...part, read, ...(part.name === 'rg' && { provenLater: true as const }) }
}

/** Compares a program's content before its first use, if we unpacked it; writes it again if it differs. */
export function proveProgram(path: string): void {
  const part = built?.parts.find(({ name }) => name === 'rg')
  if (part !== undefined && path === unpackedPaths().rg) prove(path, packedOf(part))
}

/** Unpacks into `directory`; parts that fail there go into a temporary one. Exported for its test. */
export function unpackAll(
  directory: string | undefined,
  packed: readonly Packed[],
  beside = tmpdir(),
): { paths: Record<string, string>; problems: string[]; temporary: string | undefined } {
  const paths: Record<string, string> = {}
  const problems: string[] = []
  let temporary: string | undefined
  const ours = (): string => (temporary ??= mkdtempSync(join(beside, 'workspace-runtime-')))
  const places = directory === undefined ? [ours] : [() => directory, ours]
  for (const part of packed) {
    const reasons: string[] = []
    for (const place of places) {
      try {
        paths[part.name] = unpack(privateDirectory(place()), part)
        break
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error))
      }
    }
    if (paths[part.name] === undefined) problems.push(`${part.name} cannot be unpacked: ${reasons.join('; ')}`)
  }
  return { paths, problems, temporary }
}

/** Starts a worker of src/threads. The caller owns it and terminates it. */
export function startWorker(
  name: WorkerName,
  workerData: unknown,
  transferList: Transferable[] = [],
  resourceLimits: ResourceLimits = {},
): Worker {
  const options = { workerData, name, transferList, resourceLimits }
  return built === undefined
    ? new Worker(new URL(`../threads/${name}.ts`, import.meta.url), options)
    : new Worker(getAsset(`threads/${name}.js`, 'utf8'), { ...options, eval: true })
}

/** Returns the path of the ripgrep that came with us, or undefined if there is none for this machine. */
export function ripgrepPath(): string | undefined {
  if (built !== undefined) return unpackedPaths().rg
  try {
    return createRequire(import.meta.url).resolve(`@vscode/ripgrep-${process.platform}-${process.arch}/bin/rg`)
  } catch {
    return undefined
  }
}

/** Returns the directories of the parts that this start has unpacked; none if it runs from source. */
export function unpackedDirectories(): string[] {
  return [...new Set(Object.values(built === undefined ? {} : unpackedPaths()).map((path) => dirname(path)))]
}

/** Returns the path of koffi's unpacked native part; undefined from source: then koffi finds it by itself. */
export function nativeLibraryPath(): string | undefined {
  if (built === undefined) return undefined
  const path = unpackedPaths()['koffi.node']
  if (path === undefined) throw new Error('the native library is not unpacked: processes cannot be started')
  return path
}

export function buildFacts(): BuildFacts {
  const node = process.versions.node
  if (built !== undefined) return { ...built.facts, node }
  const version = versionIn('../../package.json')
  return {
    version,
    commit: 'unknown',
    node,
    ripgrep: `of @vscode/ripgrep ${versionIn('../../node_modules/@vscode/ripgrep/package.json')}`,
  }
}

/** Returns `version` of a package.json, by its path from here. */
function versionIn(path: string): string {
  const description = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string } // npm's format
  return description.version
}

function unpackedPaths(): Paths {
  return (getEnvironmentData(PATHS) ?? {}) as Paths // written by openAssets alone
}
