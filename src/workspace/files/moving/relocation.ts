// Both ends of a move or copy, held open: the source and the place of the new name, links on their ways followed,
// neither end followed itself. Refuses what may not go there before anything is touched.

import type { Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errnoOf, Fault, faultOfSystem, quote } from '../../../base/fault.ts'
import { EVERYTHING, type Access } from '../opening/access.ts'
import {
  foresee,
  holdEntry,
  judge,
  lookAt,
  type Asker,
  type HeldDirectory,
  type HeldEntry,
} from '../opening/held-directory.ts'
import { faultOfMissing, faultOfPath } from '../opening/missing-path.ts'
import { intoItself } from '../tree/tree-copy.ts'
import { holdDeepest, makeBelow, parentsGone } from '../write/new-directory.ts'
import { refuseTaken, type NewName } from './staging.ts'

export interface Relocation {
  readonly path: string
  readonly to: string
  /** True: a file at `to` is replaced. */
  readonly overwrite: boolean
  readonly createDirs: boolean
  /** The access of the call; not given: everything. */
  readonly access?: Access
}

interface RelocationSource {
  readonly source: HeldEntry
  readonly what: Stats
}

export interface RelocationEnds extends RelocationSource {
  readonly name: NewName
}

/** The source, and the part of the way to the new name that exists. */
interface FoundEnds extends RelocationSource, Disposable {
  readonly above: HeldDirectory
  /** Names of directories to be made below it. */
  readonly missing: readonly string[]
}

export async function findEnds(request: Relocation): Promise<FoundEnds> {
  const { path, to, access = EVERYTHING } = request
  using stack = new DisposableStack()
  const { source, what } = await findSource({ path, access }, stack)
  await foresee(to, { access })
  const { directory: above, missing } = await holdDeepest(dirname(to)).catch((error: unknown) => {
    throw errnoOf(error) === 'ENOTDIR' ? notBelowFile(to) : faultOfSystem(error, to)
  })
  stack.use(above)
  const real = join(above.real, ...missing, basename(to))
  if (real === source.real) throw sameName(path, to)
  refuseInside(source, { real, path, to })
  if (missing.length > 0 && !request.createDirs) throw noParent(to)
  if (missing.length === 0) {
    refuseTaken(await lookAt(above.entry(basename(to))).catch(() => undefined), what, request)
  }
  const held = stack.move()
  return { source, what, above, missing, [Symbol.dispose]: () => held.dispose() }
}

async function findSource(asker: Required<Omit<Asker, 'reach'>>, stack: DisposableStack): Promise<RelocationSource> {
  const { path } = asker
  try {
    const source = stack.use(await holdEntry(path, asker))
    const what = await lookAt(source)
    if (what !== undefined) return { source, what }
  } catch (error) {
    throw await faultOfPath(error, path)
  }
  throw await faultOfMissing(path)
}

/** Makes what is missing above the new name, and resolves with that name, its directory held. */
export async function makeParents(
  { path, to, overwrite, access = EVERYTHING }: Relocation,
  { source, above, missing }: FoundEnds,
  durable: boolean,
): Promise<NewName & Disposable> {
  const asker = { access, path: to }
  const making = { path: dirname(to), created: [], sync: durable, asker }
  const parent = await makeBelow(above, missing, making)
  if (parent === undefined) throw parentsGone(dirname(to))
  const dispose = parent === above ? () => {} : () => parent[Symbol.dispose]()
  const entry = parent.entry(basename(to))
  try {
    refuseInside(source, { real: entry.real, path, to })
    await judge(entry, asker)
  } catch (error) {
    dispose()
    throw error
  }
  return { entry, to, overwrite, [Symbol.dispose]: dispose }
}

function refuseInside({ real: source }: HeldEntry, name: { real: string; path: string; to: string }): void {
  if (name.real.startsWith(source === '/' ? source : `${source}/`)) throw intoItself(name.path, name.to)
}

export function sameName(path: string, to: string): Fault {
  return new Fault('bad_request', `path and to are the same: ${quote(path)}; accepted is another path`, {
    details: { field: 'to', got: to },
  })
}

function noParent(to: string): Fault {
  const sentence = `to is ${quote(to)}, which has no parent directory ${quote(dirname(to))}; create_dirs makes it`
  return new Fault('not_found', sentence, { details: { field: 'to', got: to, parent: dirname(to) } })
}

function notBelowFile(to: string): Fault {
  return new Fault('bad_request', `to is ${quote(to)}, and ${quote(dirname(to))} is not a directory`, {
    details: { field: 'to', got: to, parent: dirname(to) },
  })
}
