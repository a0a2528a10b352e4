// The product's resources: the guide, and the resources of the catalogue's kinds. Every read, list and completion runs
// through the gate, so a credential's scopes decide what it sees.

import { normalize } from 'node:path/posix'
import { mayEnter, type Caller } from '../../../caller.ts'
import { Fault } from '../../../base/fault.ts'
import type { Gate } from '../../../invoke.ts'
import { EventStream, type Operation, type Fields } from '../../../operation.ts'
import type { ResourceKind } from '../../../resource.ts'
import { refusalOfGate } from './tool-call.ts'
import { budgetOf, excess, type Budget } from '../protocol/budget.ts'
import type { MethodAnswer, McpCall, ResourceDescription, ResourceOffer } from '../protocol/registry.ts'
import { pageOf } from '../protocol/paging.ts'
import { noResource } from '../protocol/methods.ts'
import { uriTemplate, type UriTemplate } from './uri-template.ts'
import { headOf } from '../../../base/json-size.ts'
import { plainBody } from '../text/plain-body.ts'
import { FACTS_KEY } from '../text/tool-result.ts'

export interface ResourceParts {
  readonly gate: Gate
  readonly kinds: readonly ResourceKind[]
  /** Returns the page on how to work here, as Markdown. */
  readonly guide: (exchange: McpCall) => Promise<string>
}

export interface Kind extends ResourceKind {
  readonly address: UriTemplate
}

const GUIDE: ResourceDescription = {
  uri: 'runtime://guide',
  name: 'guide',
  title: 'How to work here',
  description: 'One page: the tools by what they are for, what can be read by address, and the rules.',
  mimeType: 'text/markdown',
}

export function kindsOf(kinds: readonly ResourceKind[]): readonly Kind[] {
  return kinds.map((kind) => ({ ...kind, address: uriTemplate(kind.template) }))
}

export function openResources({ gate, kinds: declared, guide }: ResourceParts): ResourceOffer {
  const kinds = kindsOf(declared)
  const open = ({ caller }: McpCall) => kinds.filter(({ read }) => mayEnter(caller, read))
  return {
    async list(cursor, exchange) {
      const all = [GUIDE]
      for (const kind of open(exchange)) {
        if (kind.address.variable === undefined) all.push(describe(kind, kind.template))
        else if (kind.list !== undefined) {
          const values = await valuesOf(gate, kind.list, {}, exchange)
          all.push(...values.map((value) => describe(kind, kind.address.addressOf(value), value)))
        }
      }
      return pageOf(all, ({ uri }) => uri, cursor)
    },
    templates: (exchange) =>
      open(exchange)
        .filter(({ address }) => address.variable !== undefined)
        .map((kind) => {
          const { uri, ...more } = describe(kind, kind.template)
          return { uriTemplate: uri, ...more }
        }),
    async read(uri, exchange) {
      if (uri === GUIDE.uri) return contents(uri, { mimeType: GUIDE.mimeType, text: await guide(exchange) })
      for (const kind of kinds) {
        const value = kind.address.valueOf(uri)
        if (value !== undefined) return await readOne(gate, kind, { uri, value }, exchange)
      }
      return undefined
    },
    async complete(template, argument, exchange) {
      const kind = open(exchange).find((one) => one.template === template && one.address.variable === argument.name)
      return kind?.complete === undefined
        ? []
        : await valuesOf(gate, kind.complete, { value: argument.value }, exchange)
    },
  }
}

/** Returns the operations' value for a value in an address: in an address a path lacks its first slash. */
export function fieldOf(kind: Kind, value: string): string {
  return kind.address.variable === 'path' ? normalize(`/${value}`) : value
}

async function readOne(
  gate: Gate,
  kind: Kind,
  { uri, value }: { uri: string; value: string },
  exchange: McpCall,
): Promise<MethodAnswer> {
  const { variable } = kind.address
  const raw = variable === undefined ? {} : { [variable]: fieldOf(kind, value) }
  try {
    const { mime_type: mimeType, ...rest } = (await invoke(gate, kind.read, raw, exchange)) as Contents // resource.ts
    const budget = budgetOf(exchange.choices.maxResultBytes)
    return contents(uri, { mimeType, ...(await shortContents(rest, budget, (text) => kind.more?.(raw, text))) })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const missing = error.status === 404 || error.status === 400 || error.status === 413
    return missing ? noResource(uri, error.message) : { refusal: refusalOfGate(error, kind.read, exchange) }
  }
}

interface Contents {
  readonly mime_type?: string
}

function contents(uri: string, more: object): MethodAnswer {
  return { result: { contents: [{ uri, ...more }] } }
}

function describe(kind: Kind, uri: string, value?: string): ResourceDescription {
  const { name, title, description, mimeType } = kind
  const named = value === undefined ? { name, title } : { name: `${name}-${value}`, title: `${title}: ${value}` }
  return { uri, ...named, description, ...(mimeType !== undefined && { mimeType }) }
}

/** Returns the values that a listing or completing operation names; none if the caller may not run it. */
async function valuesOf(gate: Gate, op: Operation, raw: object, exchange: McpCall): Promise<readonly string[]> {
  try {
    const { values } = (await invoke(gate, op, { ...raw }, exchange)) as { values: readonly string[] } // resource.ts
    return values
  } catch (error) {
    if (error instanceof Fault) return []
    throw error
  }
}

async function invoke(gate: Gate, op: Operation, raw: Record<string, unknown>, exchange: McpCall): Promise<object> {
  const { caller, signal, requestId } = exchange
  const { value } = await gate.invoke(op, { raw, rules: { unknown: 'refuse' }, caller, signal, requestId, via: 'mcp' })
  return value
}

/**
 * Follows `values` of a kind until `end` is aborted. Resolves with the values that are watched, none if the caller may
 * not watch them.
 */
export async function follow(
  gate: Gate,
  { kind, values, changed, ...call }: Following,
): Promise<{ readonly watched: readonly string[]; readonly over: Promise<void> }> {
  const nothing = { watched: [], over: Promise.resolve() }
  if (kind.watch === undefined || values.length === 0 || !mayEnter(call.caller, kind.watch)) return nothing
  const { value } = await gate.invoke(kind.watch, {
    raw: { values },
    rules: { unknown: 'refuse' },
    ...call,
    via: 'mcp',
  })
  if (!(value instanceof EventStream)) return nothing
  const frames = value.frames[Symbol.asyncIterator]()
  const first = await frames.next()
  const watched = first.done === true || !('data' in first.value) ? [] : (first.value.data['values'] as string[]) // resource.ts
  const tell = async (): Promise<void> => {
    for (let step = await frames.next(); step.done !== true; step = await frames.next()) {
      if ('data' in step.value) changed(String(step.value.data['value']))
    }
  }
  return { watched, over: tell().catch(() => undefined) } // the stream ends with the daemon or with its listener
}

export interface Following {
  readonly kind: Kind
  readonly values: readonly string[]
  readonly changed: (value: string) => void
  readonly caller: Caller
  readonly requestId: string
  /** Signal whose abort ends the stream. */
  readonly signal: AbortSignal
}

const SHARE = 0.85

/**
 * Returns the contents of a resource, short enough for one message. A text or base64 that is too long loses its end, a
 * text after a whole line if it has one; `_meta` then says so and names the call that reads on.
 */
async function shortContents(
  came: Fields,
  budget: Budget,
  more: (text: string) => object | undefined,
): Promise<Fields> {
  if ((await excess(came, budget, false)) <= 1) return came
  const plain = plainBody(came)
  const field = typeof plain['text'] === 'string' ? 'text' : 'blob'
  const whole = String(plain[field])
  const head = headOf(whole, Math.floor(Math.min(budget.text, budget.message) * SHARE))
  const line = head.lastIndexOf('\n') + 1
  const kept = field === 'blob' ? head.slice(0, head.length - (head.length % 4)) : line > 0 ? head.slice(0, line) : head
  const next = field === 'text' ? more(kept) : undefined
  const facts = { truncated: true, shown: kept.length, characters: whole.length, ...(next && { next }) }
  return { ...plain, [field]: kept, _meta: { [FACTS_KEY]: facts } }
}
