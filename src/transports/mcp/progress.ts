// Progress of one call, for a caller who gave a token: a notification once the call takes longer than a second, and
// then at least one a second, with a value that only rises. Before that there is none, so that the answer of a short
// call can be plain JSON, which no client bounds as it does an event. A call that says nothing of itself still shows
// that it is alive: clients prolong their patience with each notification.

import type { Params } from './json-rpc.ts'
import { isObject } from './json-rpc.ts'
import { LATE_MS, notification, type Outlet } from './outlet.ts'

export interface Progress extends Disposable {
  /** Takes what says where the call stands; it is asked for each notification. */
  report(standing: () => string | undefined): void
  /** A step of a known number, told at once; from then on only steps are told. */
  step(done: number, total: number, message?: string): void
}

export type ProgressToken = string | number

/** Below a second, so that a timer which is late still keeps it. */
const TICK_MS = 800
/** Longest message, in characters. */
const MESSAGE = 200

/** The token of a request, if it has one that is fit to be echoed. */
export function progressToken(params: Params): ProgressToken | undefined {
  const token = isObject(params['_meta']) ? params['_meta']['progressToken'] : undefined
  return typeof token === 'string' || Number.isSafeInteger(token) ? (token as ProgressToken) : undefined
}

export function openProgress(token: ProgressToken, outlet: Outlet): Progress {
  const began = performance.now()
  let standing = (): string | undefined => undefined
  let last = -1
  const tell = (progress: number, more: object): void => {
    if (progress <= last) return
    last = progress
    outlet.send(notification('notifications/progress', { progressToken: token, progress, ...more }))
  }
  const tick = (): void => {
    const message = standing()
    tell(Math.round(performance.now() - began) / 1000, message === undefined ? {} : { message: cut(message) })
  }
  let timer: NodeJS.Timeout | undefined
  const first = setTimeout(() => {
    tick()
    timer = setInterval(tick, TICK_MS)
  }, LATE_MS)
  const stop = (): void => {
    clearTimeout(first)
    clearInterval(timer)
  }
  return {
    report(told) {
      standing = told
    },
    step(done, total, text) {
      stop()
      tell(done, { total, ...(text === undefined ? {} : { message: cut(text) }) })
    },
    [Symbol.dispose]: stop,
  }
}

function cut(text: string): string {
  return text.length <= MESSAGE ? text : `${text.slice(0, MESSAGE - 1)}…`
}
