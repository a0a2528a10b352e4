// A change of the watched tree: what happened to one path, how two changes of one path within its window
// become one, and the JSON that clients see (protocol.md#watchers). Pure.

import { jsonOf } from '../../base/json-text.ts'
import { locate } from './names.ts'

export type Op = 'create' | 'write' | 'remove' | 'rename' | 'unknown'

/** Paths are as names.ts spells them. */
export interface Change {
  readonly path: string
  readonly op: Op
  readonly directory: boolean
  /** Of a write: the file was created in the same window. */
  readonly created?: boolean
  /** Of a create (and a write that follows it): where it was moved from, inside the tree. */
  readonly from?: string | undefined
  /** Of a rename: where it was moved to, inside the tree. */
  readonly to?: string | undefined
}

/** A change as clients see it. Where a path is not UTF-8 its exact bytes stand beside it in base64. */
export interface ShownChange {
  path: string
  op: Op
  directory?: boolean
  created?: boolean
  from?: string
  to?: string
  path_base64?: string
  from_base64?: string
  to_base64?: string
}

/** True when the path leads nowhere after it. */
export function isGone({ op }: Change): boolean {
  return op === 'remove' || op === 'rename'
}

/** One change for both: the last operation, with what the earlier one still has to say. */
export function merged(earlier: Change, later: Change): Change {
  if (later.op === 'unknown') return isGone(earlier) ? later : earlier // new attributes are part of the rest
  if (later.op !== 'write') return later
  const created = earlier.op === 'create' || earlier.created === true
  return { ...later, ...(created ? { created } : {}), from: earlier.from }
}

/** The ShownChange as JSON. */
export function renderChange(change: Change): string {
  const path = locate(change.path)
  const from = change.from === undefined ? undefined : locate(change.from)
  const to = change.to === undefined ? undefined : locate(change.to)
  const shown: { [K in keyof ShownChange]: ShownChange[K] | undefined } = {
    path: path.path,
    op: change.op,
    directory: change.directory || undefined,
    created: change.created || undefined,
    from: from?.path,
    to: to?.path,
    path_base64: path.raw?.toString('base64'),
    from_base64: from?.raw?.toString('base64'),
    to_base64: to?.raw?.toString('base64'),
  }
  return jsonOf(shown) // leaves undefined out
}
