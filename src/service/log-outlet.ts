// The way of log lines to their reader, which never waits: a reader that is stuck costs a bounded queue and
// then lines, one that is gone costs lines (C-07). What is waited on elsewhere is not touched: the
// description behind stderr is shared with the process that started us, so it is not made non-blocking; a pipe or terminal
// is opened a second time for that, a socket is sent to without waiting, a file never makes us wait.

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { errnoOf } from '../base/fault.ts'
import type { Outlet } from '../base/log.ts'
import { pollWritable } from '../native/libc.ts'
import { sendNow } from '../native/socket.ts'

export interface LogOutlet extends Outlet, Disposable {
  /** Bytes that wait for the reader. */
  readonly waiting: number
}

/** Bytes that may wait: half of what C-07 allows, since each line has a small overhead. */
const MOST_WAITING = 4 * 1024 * 1024
/** Until the reader is tried again, at first and at most. Nothing is tried where nothing waits. */
const RETRY_MS = { first: 10, longest: 1000 }
/** A reader that has gone, or a disk that is full, is not tried with each line. */
const DEAD_MS = 1000
/** Bytes handed over before other work has its turn. */
const TURN_BYTES = 256 * 1024
/** The last lines of a daemon that ends get this long. */
const LAST_MS = 500

/** Takes what it can now, and says how many bytes that was. Throws where nothing will do. */
type Way = (bytes: Uint8Array) => number

export function openLogOutlet(fd: number): LogOutlet {
  return new QueuedOutlet(wayTo(fd))
}

class QueuedOutlet implements LogOutlet {
  flowing: (() => void) | undefined
  readonly #way: Way & { readonly close?: () => void }
  readonly #onExit = () => this.#lastTry()
  #queue: Uint8Array[] = []
  #waiting = 0
  #lost = 0
  #retry: NodeJS.Timeout | undefined
  #pause = RETRY_MS.first
  #deadUntil = 0
  /** Set when the queue is full, cleared at half: otherwise accepting and dropping would alternate, with a notice for each drop. */
  #full = false
  /** A line was left in the middle: the next one must not continue it. */
  #torn = false

  constructor(way: Way) {
    this.#way = way
    process.on('exit', this.#onExit)
  }

  get waiting(): number {
    return this.#waiting
  }

  get lost(): number {
    return this.#lost
  }

  offer(line: string): boolean {
    if (this.#deadUntil > 0 && performance.now() < this.#deadUntil) return false
    const bytes = Buffer.from(this.#torn ? `\n${line}\n` : `${line}\n`)
    if (this.#queue.length > 0) return this.#keep(bytes)
    const taken = this.#pass(bytes)
    if (taken === undefined) return false
    this.#torn = false
    return taken === bytes.byteLength || this.#keep(bytes.subarray(taken))
  }

  #keep(bytes: Uint8Array): boolean {
    // The rest of a line that is partly out is always kept: it is small, and nothing waits before it.
    if (this.#queue.length > 0 && (this.#full || this.#waiting + bytes.byteLength > MOST_WAITING)) {
      this.#full = true
      return false
    }
    this.#queue.push(bytes)
    this.#waiting += bytes.byteLength
    this.#retry ??= setTimeout(() => this.#again(), this.#pause).unref()
    return true
  }

  /** Returns the bytes that were taken; undefined: the reader is gone. */
  #pass(bytes: Uint8Array): number | undefined {
    try {
      const taken = this.#way(bytes)
      this.#deadUntil = 0
      return taken
    } catch {
      this.#deadUntil = performance.now() + DEAD_MS
      return undefined
    }
  }

  #again(): void {
    this.#retry = undefined
    const before = this.#waiting
    this.#drain()
    if (this.#queue.length === 0) {
      this.#pause = RETRY_MS.first
      this.flowing?.()
      return
    }
    this.#pause = this.#waiting < before ? RETRY_MS.first : Math.min(this.#pause * 2, RETRY_MS.longest)
    this.#retry ??= setTimeout(() => this.#again(), this.#pause).unref()
  }

  /** Hands over what waits, as much as is taken in one turn. */
  #drain(): void {
    let sent = 0
    let passed = 0
    while (passed < this.#queue.length && sent < TURN_BYTES) {
      const next = this.#queue[passed] as Uint8Array // below the length
      const taken = this.#pass(next)
      if (taken === undefined) return this.#giveUp(passed)
      sent += taken
      if (taken < next.byteLength) {
        this.#queue[passed] = next.subarray(taken)
        break
      }
      passed++
    }
    this.#queue.splice(0, passed)
    this.#waiting -= sent
    if (this.#waiting <= MOST_WAITING / 2) this.#full = false
  }

  /** The reader is gone: all lines that wait are lost. */
  #giveUp(passed: number): void {
    this.#lost += this.#queue.length - passed
    this.#queue = []
    this.#waiting = 0
    this.#full = false
    this.#torn = true
  }

  /** The process ends: a reader that is merely slow gets the last lines. */
  #lastTry(): void {
    const until = performance.now() + LAST_MS
    const pause = new Int32Array(new SharedArrayBuffer(4))
    while (this.#queue.length > 0 && performance.now() < until) {
      const before = this.#waiting
      this.#drain()
      if (this.#waiting === before) Atomics.wait(pause, 0, 0, 5)
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retry)
    process.off('exit', this.#onExit)
    this.#way.close?.()
  }
}

function wayTo(fd: number): Way & { readonly close?: () => void } {
  const facts = fstatSync(fd)
  if (facts.isFile()) return (bytes) => writeSync(fd, bytes)
  if (facts.isSocket()) return socketWay(fd)
  try {
    const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    return Object.assign((bytes: Uint8Array) => writeNow(own, bytes), { close: () => closeSync(own) })
  } catch {
    // No /proc, a terminal of another user, or a pipe without a reader.
    return (bytes) => (pollWritable(fd) ? writeNow(fd, bytes.subarray(0, PIPE_BUF)) : 0)
  }
}

/**
 * Written plainly before that: a socket that is new holds some 200 KiB, and the native library would be a tenth of
 * a start for the sake of two lines.
 */
const FIRST_BYTES = 16 * 1024

function socketWay(fd: number): Way {
  let plain = FIRST_BYTES
  return (bytes) => {
    plain -= bytes.byteLength
    return plain >= 0 ? writeNow(fd, bytes) : sendNow(fd, bytes)
  }
}

/** pipe(7): where there is room at all, so much is taken without waiting. */
const PIPE_BUF = 4096

function writeNow(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return 0
    throw error
  }
}
