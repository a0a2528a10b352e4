// The main thread's side of one thread that watches trees. The inotify reader blocks in poll(2), and a counter wakes
// it. It must be told to end before the process exits, or process.exit waits for it without limit. A thread may also be
// stuck in a file system that does not answer: `look` detects that, and the process then exits without joining it.

import { writeSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { startWorker } from '../../base/assets.ts'
import { WorkerPort } from '../../base/port.ts'
import { closeDescriptor, openWakeup } from '../../native/inotify.ts'
import { exitAfterLastCall, openLastCall, sayLastCall } from '../../native/last-call.ts'
import { exitAtOnce } from '../../native/process.ts'
import type { FromReader, ReaderStart, ToReader } from '../../threads/watch/watch-job.ts'

/** Way to watch a tree: the kernel reports changes, or a thread compares the files every second. */
export type Mode = 'inotify' | 'polling'

/** Message of a reader thread about a watcher. */
export type ReaderWord = Exclude<FromReader, { readonly type: 'here' }>

export interface ReaderEvents {
  readonly heard: (word: ReaderWord, thread: ReaderThread) => void
  /** Called when the thread ended without being told to: a defect, or no memory. */
  readonly failed: (reason: Error, thread: ReaderThread) => void
  /** Called when the thread answers again after it was `silent`. */
  readonly back: (thread: ReaderThread) => void
}

/** Heap of short-lived objects in MiB. Measured on a large tree: 1 saves 9 MiB of 38 and costs no time. */
const YOUNG_MIB = 1

/** Looks without an answer after which the thread counts as silent: 10 s. A reader works in slices of 10 ms. */
const SILENT_LOOKS = 10

/** The bytes that add one to the counter. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)

export class ReaderThread implements AsyncDisposable {
  readonly mode: Mode
  /** True if its trees hold mounts that may not answer; no other tree is given to it. */
  readonly apart: boolean
  /** Number of watchers whose trees the thread is reading for the first time. */
  opening = 0
  readonly #port: WorkerPort<ToReader, FromReader>
  readonly #wakeup: number
  readonly #lastCall = openLastCall()
  readonly #events: ReaderEvents
  readonly #atExit = (code: number) => this.#leave(code)
  #started = false
  #asked = false
  /** Looks since the thread was asked. */
  #unanswered = 0
  #ending = false
  #closed = false

  constructor(mode: Mode, apart: boolean, events: ReaderEvents) {
    this.mode = mode
    this.apart = apart
    this.#events = events
    this.#wakeup = openWakeup()
    const start: ReaderStart = { wakeup: this.#wakeup, lastCall: this.#lastCall }
    const limits = { maxYoungGenerationSizeMb: YOUNG_MIB }
    try {
      const worker = startWorker(mode === 'inotify' ? 'inotify-reader' : 'polling-watcher', start, [], limits)
      this.#port = new WorkerPort(worker, 'the watching thread', {
        heard: (message) => this.#hear(message),
        failed: (reason) => {
          sayLastCall(this.#lastCall) // it cannot say so itself
          events.failed(reason, this)
        },
      })
    } catch (error) {
      closeDescriptor(this.#wakeup) // the kernel gives no thread now
      throw error
    }
    process.on('exit', this.#atExit)
  }

  /** True if the thread has not answered for 10 s. */
  get silent(): boolean {
    return this.#unanswered >= SILENT_LOOKS
  }

  say(message: ToReader): void {
    if (this.#closed) return
    this.#port.say(message)
    writeSync(this.#wakeup, ONE)
  }

  /** Asks the thread for an answer; called once a second. Returns true if the thread becomes silent with this call. */
  look(): boolean {
    if (!this.#started) return false
    if (this.#asked) return ++this.#unanswered === SILENT_LOOKS
    this.#asked = true
    this.say({ type: 'ask' })
    return false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    this.say({ type: 'end' })
    await this.#port.untilExit()
    this.#closed = true
    process.off('exit', this.#atExit)
    closeDescriptor(this.#wakeup)
  }

  #hear(message: FromReader): void {
    const wasSilent = this.silent
    this.#started = true
    this.#asked = false
    this.#unanswered = 0
    if (wasSilent && !this.#ending) this.#events.back(this)
    if (message.type !== 'here') this.#events.heard(message, this)
  }

  /** Tells the thread to end. Node joins its threads at exit; the process does not wait for one that may be stuck. */
  #leave(code: number): void {
    this.say({ type: 'end' })
    if (this.apart || this.silent) exitAtOnce(code)
    // The polling watcher calls no C.
    if (this.mode === 'inotify') exitAfterLastCall(this.#lastCall, code)
  }
}

/**
 * File systems whose files a server, the host or another client may change without an event of inotify, by f_type of
 * statfs(2). From the kernel's magic.h and the sources of each.
 */
const SILENT: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0x517b, 'smb'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x65735546, 'fuse'], // virtiofs too
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
  [0x5346414f, 'afs'],
  [0x6b414653, 'kafs'],
  [0x73757245, 'coda'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
  [0x20030528, 'orangefs'],
  [0x7461636f, 'ocfs2'],
  [0x19830326, 'fhgfs'],
  [0x47504653, 'gpfs'],
])

/** Resolves with true if inotify sees every change at `path`. */
export async function notifies(path: string): Promise<boolean> {
  return !SILENT.has((await statfs(path)).type)
}
