// What the product tells its listeners: that a file has changed, and that the folder of prompts has.

import { mayUse } from '../../../caller.ts'
import type { Gate } from '../../../invoke.ts'
import type { ResourceKind } from '../../../resource.ts'
import type { Change, ChangeSource, Wish } from '../protocol/registry.ts'
import { fieldOf, follow, kindsOf, type Kind } from './resources.ts'

export interface ChangeParts {
  readonly gate: Gate
  readonly kinds: readonly ResourceKind[]
  /** Address of the folder of prompts; undefined where there is none. */
  readonly promptFolder: string | undefined
}

interface Wanted {
  readonly change: Change
  readonly kind: Kind
  /** What the kind's operations call it. */
  readonly value: string
}

export function openChanges(parts: ChangeParts): ChangeSource {
  const kinds = kindsOf(parts.kinds).filter(({ watch }) => watch !== undefined)
  return {
    async listen(wish, { caller, requestId }, tell) {
      const wanted = wantedOf(wish, kinds, parts.promptFolder).filter(({ kind }) => mayUse(caller, kind.read.scope))
      const end = new AbortController()
      const granted: Change[] = []
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
          end.abort()
          await Promise.all(running)
        },
      }
    },
  }
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
    ...(granted.some(({ kind }) => kind === 'prompts') && { promptsListChanged: true }),
    ...(uris.length > 0 && { resourceSubscriptions: uris }),
  }
}
