// Streams that stay open and tell of changes: subscriptions/listen of 2026-07-28. The server first acknowledges the
// part of the wish that it serves; each notification carries the id of the request that opened the stream; an orderly
// end sends the result. While the client takes nothing, a change waits, once for each address.

import { waitFor } from '../../../base/waiting.ts'
import type { Caller } from '../../../caller.ts'
import { EXPIRY_GRACE_MS } from '../../patience.ts'
import { RPC, type RpcError, isObject } from './json-rpc.ts'
import type { MethodAnswer, Change, ChangeSource, McpCall, Listener, Wish } from './registry.ts'
import { notification } from './stream.ts'

const SUBSCRIPTION_KEY = 'io.modelcontextprotocol/subscriptionId'
/** Streams open at once per credential: a client needs one. */
export const MOST_STREAMS = 32
/** Addresses of one stream. */
const MOST_ADDRESSES = 100
/** Longest time that a timer of Node can count. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** Time in which the changes of one address are told once. */
const PACE_MS = 100

export interface Listeners {
  /** Answers subscriptions/listen, when the stream ends. */
  listen(exchange: McpCall): Promise<MethodAnswer>
}

/** Returns the listeners; `stopping` ends every stream in order. */
export function openListeners(changes: ChangeSource, stopping: AbortSignal): Listeners {
  const open = new Map<string, number>()
  /** Runs `stream` as one of the credential's; resolves at once with false if the credential has too many. */
  const held = async (
    { caller, signal }: Pick<McpCall, 'caller' | 'signal'>,
    stream: (end: AbortSignal) => Promise<void>,
  ): Promise<boolean> => {
    const { id, revoked = stopping } = caller
    const before = open.get(id) ?? 0
    if (before >= MOST_STREAMS) return false
    open.set(id, before + 1)
    try {
      using life = lifeOf(caller)
      await stream(AbortSignal.any([signal, stopping, life.over, revoked]))
    } finally {
      const left = (open.get(id) ?? 1) - 1
      if (left > 0) open.set(id, left)
      else open.delete(id)
    }
    return true
  }
  return {
    async listen(exchange) {
      const wish = readWish(exchange.params['notifications'])
      if ('refusal' in wish) return wish
      if (!exchange.outlet.streams) return { refusal: noStream() }
      const _meta = { [SUBSCRIPTION_KEY]: exchange.id }
      const started = await held(exchange, (end) => tellChanges({ wish: wish.wish, _meta, ...exchange }, changes, end))
      return started ? { result: { _meta } } : { refusal: tooMany(exchange.caller) }
    },
  }
}

/** Returns a signal that ends a stream when a socket of the credential would end too (protocol.md#jwt). */
function lifeOf({ expiresAt }: Caller): { readonly over: AbortSignal } & Disposable {
  const end = new AbortController()
  if (expiresAt === undefined) return { over: end.signal, [Symbol.dispose]: () => undefined }
  const left = Math.min(Math.max(expiresAt + EXPIRY_GRACE_MS - Date.now(), 0), LONGEST_TIMER_MS)
  const timer = setTimeout(() => end.abort(), left)
  return { over: end.signal, [Symbol.dispose]: () => clearTimeout(timer) }
}

interface Told extends Listener {
  readonly wish: Wish
  readonly outlet: McpCall['outlet']
  /** Id of the subscription that each notification belongs to. */
  readonly _meta: object
}

async function tellChanges(told: Told, changes: ChangeSource, end: AbortSignal): Promise<void> {
  const { wish, outlet, _meta } = told
  const say = (method: string, params: object): boolean => outlet.send(notification(method, { ...params, _meta }))
  using waiting = openWaiting((change) =>
    change.kind === 'resource'
      ? say('notifications/resources/updated', { uri: change.uri })
      : say(`notifications/${change.kind}/list_changed`, {}),
  )
  await using listening = await changes.listen(wish, told, (change) => waiting.add(change))
  say('notifications/subscriptions/acknowledged', { notifications: listening.granted })
  waiting.start()
  await waitFor(() => () => undefined, end)
}

/** Keeps the changes that the client has not got yet, each once. */
function openWaiting(tell: (change: Change) => boolean) {
  const waiting = new Map<string, Change>()
  let started = false
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    timer = undefined
    for (const [key, change] of waiting) {
      if (!tell(change)) break
      waiting.delete(key)
    }
    if (waiting.size > 0) timer = setTimeout(flush, PACE_MS)
  }
  return {
    add(change: Change): void {
      waiting.set(change.kind === 'resource' ? change.uri : `${change.kind} list`, change)
      if (started) timer ??= setTimeout(flush, PACE_MS)
    },
    /** Begins to tell; before the acknowledgement no change may leave. */
    start(): void {
      started = true
      if (waiting.size > 0) flush()
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

function readWish(value: unknown): { readonly wish: Wish } | { readonly refusal: RpcError } {
  if (!isObject(value)) return wrong('params.notifications is not an object; accepted is what to be told of')
  const flags = (['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'] as const).filter(
    (name) => value[name] === true,
  )
  const uris = value['resourceSubscriptions'] ?? []
  if (!Array.isArray(uris) || !uris.every((uri): uri is string => typeof uri === 'string')) {
    return wrong('params.notifications.resourceSubscriptions is not a list of addresses')
  }
  if (uris.length > MOST_ADDRESSES) {
    return wrong(`params.notifications.resourceSubscriptions has ${uris.length} addresses; at most ${MOST_ADDRESSES}`)
  }
  const lists = Object.fromEntries(flags.map((name) => [name, true] as const))
  return { wish: { ...lists, ...(uris.length > 0 && { resourceSubscriptions: [...new Set(uris)] }) } }
}

function wrong(message: string): { readonly refusal: RpcError } {
  return { refusal: { status: 200, code: RPC.invalidParams, message } }
}

function noStream(): RpcError {
  const message = 'subscriptions/listen is answered by an event stream; Accept must name text/event-stream'
  return { status: 406, code: RPC.invalidRequest, message }
}

function tooMany(caller: Caller): RpcError {
  const message = `${MOST_STREAMS} streams of this credential are open, which is the limit; close one first`
  const data = { code: 'rate_limited', limit: MOST_STREAMS, credential: caller.id }
  return { status: 429, code: RPC.failed, message, data, headers: { 'retry-after': '5' } }
}
