// Passes log lines to their reader and never waits: a stuck reader costs a bounded queue and then lines, a reader that
// is gone costs lines (C-07). The outlet does not make stderr non-blocking: its open file description is shared with
// the process that started us. It opens a pipe or terminal a second time for that, sends to a socket without waiting,
// and writes to a file plainly, since a file never makes us wait.

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
/** Milliseconds until the reader is tried again, at first and at most. No timer runs while the queue is empty. */
const RETRY_MS = { first: 10, longest: 1000 }
/** Milliseconds until the outlet tries again a reader that has gone, or a disk that is full. */
const DEAD_MS = 1000
/** Bytes that are passed on before other work has its turn. */
const TURN_BYTES = 256 * 1024
/** Milliseconds that the last lines of an ending daemon get. */
const LAST_MS = 500

/** Writes without waiting and returns the bytes that were taken. Throws if no later try can succeed. */
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
  /**
   * Set when the queue is full, cleared at half: otherwise accepting and dropping would alternate, with a notice for
   * each drop.
   */
  #full = false
  /** True if a line was cut in the middle: the next line must not continue it. */
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
    // The rest of a line that is partly written is always kept: it is small, and it is first in the queue.
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

  /** Passes on queued lines, as many as the reader takes in one turn. */
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

  /** Drops all queued lines: the reader is gone. */
  #giveUp(passed: number): void {
    this.#lost += this.#queue.length - passed
    this.#queue = []
    this.#waiting = 0
    this.#full = false
    this.#torn = true
  }

  /** Passes on the last lines when the process ends and the reader is merely slow. */
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
 * Bytes that are written plainly before the outlet uses the native library: a new socket holds some 200 KiB, and
 * loading the library for two lines would take a tenth of the start.
 */
const FIRST_BYTES = 16 * 1024

function socketWay(fd: number): Way {
  let plain = FIRST_BYTES
  return (bytes) => {
    plain -= bytes.byteLength
    return plain >= 0 ? writeNow(fd, bytes) : sendNow(fd, bytes)
  }
}

/** Bytes that a pipe takes without waiting if it has room at all (pipe(7)). */
const PIPE_BUF = 4096

function writeNow(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return 0
    throw error
  }
}
