// Tells listeners of the product's changes: of a file, of the folder of prompts, of the list of tools.

import { mayEnter } from '../../../caller.ts'
import type { Gate } from '../../../invoke.ts'
import type { ResourceKind } from '../../../resource.ts'
import type { Catalog } from '../../../shelf.ts'
import type { Change, ChangeSource, Listener, Wish } from '../protocol/registry.ts'
import type { Tools } from './tools.ts'
import { fieldOf, follow, kindsOf, type Kind } from './resources.ts'

export interface ChangeParts {
  readonly gate: Gate
  readonly kinds: readonly ResourceKind[]
  readonly catalog: Pick<Catalog, 'onChange'>
  readonly tools: Pick<Tools, 'list'>
  /** Address of the folder of prompts; undefined if there is none. */
  readonly promptFolder: string | undefined
}

interface Wanted {
  readonly change: Change
  readonly kind: Kind
  /** Value that names the resource in the kind's operations. */
  readonly value: string
}

export function openChanges(parts: ChangeParts): ChangeSource {
  const kinds = kindsOf(parts.kinds).filter(({ watch }) => watch !== undefined)
  return {
    async listen(wish, listener, tell) {
      const { caller, requestId } = listener
      const wanted = wantedOf(wish, kinds, parts.promptFolder).filter(({ kind }) => mayEnter(caller, kind.read))
      const end = new AbortController()
      const granted: Change[] = wish.toolsListChanged === true ? [{ kind: 'tools' }] : []
      const toolList = wish.toolsListChanged === true ? followTools(parts, listener, tell) : undefined
      const running: Promise<void>[] = []
      for (const kind of kinds) {
        const mine = wanted.filter((one) => one.kind === kind)
        const changed = (value: string): void => {
          for (const one of mine) if (one.value === value) tell(one.change)
        }
        const values = [...new Set(mine.map(({ value }) => value))]
        const { watched, over } = await follow(parts.gate, {
          kind,
          values,
          changed,
          caller,
          requestId,
          signal: end.signal,
        })
        granted.push(...mine.filter(({ value }) => watched.includes(value)).map(({ change }) => change))
        running.push(over)
      }
      return {
        granted: wishOf(granted),
        async [Symbol.asyncDispose]() {
          toolList?.[Symbol.dispose]()
          end.abort()
          await Promise.all(running)
        },
      }
    },
  }
}

/** Tells of a change of the catalogue if it changes the list that this listener sees. */
function followTools(
  { catalog, tools }: ChangeParts,
  { caller, choices }: Listener,
  tell: (change: Change) => void,
): Disposable {
  const seen = (): readonly object[] => tools.list(caller, true, choices)
  let before = seen()
  return catalog.onChange(() => {
    const now = seen()
    const same = now.length === before.length && now.every((tool, i) => tool === before[i])
    before = now
    if (!same) tell({ kind: 'tools' })
  })
}

function wantedOf(wish: Wish, kinds: readonly Kind[], promptFolder: string | undefined): readonly Wanted[] {
  const prompts: Change = { kind: 'prompts' }
  const lists = wish.promptsListChanged === true && promptFolder !== undefined ? [[promptFolder, prompts] as const] : []
  const files = (wish.resourceSubscriptions ?? []).map((uri) => [uri, { kind: 'resource', uri }] as const)
  return [...lists, ...files].flatMap(([uri, change]) =>
    kinds.flatMap((kind) => {
      const value = kind.address.valueOf(uri)
      return value === undefined ? [] : [{ change, kind, value: fieldOf(kind, value) }]
    }),
  )
}

function wishOf(granted: readonly Change[]): Wish {
  const uris = granted.flatMap((change) => (change.kind === 'resource' ? [change.uri] : []))
  return {
    ...(granted.some(({ kind }) => kind === 'tools') && { toolsListChanged: true }),
    ...(granted.some(({ kind }) => kind === 'prompts') && { promptsListChanged: true }),
    ...(uris.length > 0 && { resourceSubscriptions: uris }),
  }
}
