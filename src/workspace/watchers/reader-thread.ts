// The main thread's end of a thread that watches trees: started with the first watcher, ended with the last.
// The inotify reader is blocked in poll(2) and woken by a counter; it must have been told to end before the
// process exits, or process.exit waits for it for ever. That is seen to here, whoever calls process.exit.

import { writeSync } from 'node:fs'
import { startWorker } from '../../base/assets.ts'
import { WorkerPort, type WorkerEvents } from '../../base/port.ts'
import { closeDescriptor, openWakeup } from '../../native/inotify.ts'
import type { FromReader, ReaderStart, ToReader } from '../../threads/watch/watch-job.ts'
import { statfs } from 'node:fs/promises'

/** How a tree is watched: by the kernel's word, or by looking again and again. */
export type Mode = 'inotify' | 'polling'

/** Reading a large tree makes much that is short-lived: measured, 1 saves 9 MiB of 38 and costs no time. */
const YOUNG_MIB = 1

/** What adds one to the counter. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)

export class ReaderThread implements AsyncDisposable {
  readonly #port: WorkerPort<ToReader, FromReader>
  readonly #wakeup: number
  readonly #atExit = () => this.say({ type: 'end' })
  #ending = false

  constructor(mode: Mode, events: WorkerEvents<FromReader>) {
    this.#wakeup = openWakeup()
    const start: ReaderStart = { wakeup: this.#wakeup }
    const limits = { maxYoungGenerationSizeMb: YOUNG_MIB }
    try {
      const worker = startWorker(mode === 'inotify' ? 'inotify-reader' : 'polling-watcher', start, [], limits)
      this.#port = new WorkerPort(worker, 'the watching thread', events)
    } catch (error) {
      closeDescriptor(this.#wakeup) // the system gives no thread now
      throw error
    }
    process.on('exit', this.#atExit)
  }

  say(message: ToReader): void {
    this.#port.say(message)
    writeSync(this.#wakeup, ONE)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    this.say({ type: 'end' })
    await this.#port.untilExit()
    process.off('exit', this.#atExit)
    closeDescriptor(this.#wakeup)
  }
}

// Which file systems tell of changes. On those below, changes may be made elsewhere (by the server, the host,
// another client), and inotify knows nothing of them; there the tree has to be looked at again and again.

/** f_type of statfs(2), from the kernel's magic.h and the sources of each. */
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

/** The name of a file system that does not notify; undefined for one that does. */
function silentType(magic: number): string | undefined {
  return SILENT.get(magic)
}

/** Whether inotify sees every change at `path`. */
export async function notifies(path: string): Promise<boolean> {
  return silentType((await statfs(path)).type) === undefined
}
