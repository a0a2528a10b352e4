// The inotify reader: one thread for all watchers, blocked in poll(2) over one descriptor for each and one
// that wakes it when the main thread has said something. Its own event loop never turns: messages are taken
// from their port when it wakes. It ends when it is told to, and must be before the process exits, for a
// thread that is blocked in a native call cannot be terminated.

import { readSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { faultOfSystem, noticeOf } from '../base/fault.ts'
import { mainPort } from '../base/port.ts'
import { pollReadable } from '../native/libc.ts'
import { MountTable } from './watch/disk.ts'
import { TreeWatch } from './watch/tree-watch.ts'
import type { FromReader, ReaderStart, ToReader } from './watch/watch-job.ts'

const { wakeup } = workerData as ReaderStart // given by reader-thread.ts alone
const main = mainPort<ToReader, FromReader>()
const watches = new Map<string, TreeWatch>()
const mounts = new MountTable()
const counter = Buffer.alloc(8)

/** Milliseconds the thread sleeps at most, as a number poll(2) takes. */
const LONGEST_SLEEP = 3_600_000

/** False when the thread is to end. */
function handle(message: ToReader): boolean {
  if (message.type === 'end') return false
  if (message.type === 'ask') {
    main.say({ type: 'here' })
    return true
  }
  const known = watches.get(message.id)
  if (message.type === 'taken') known?.outbox.taken(message.count, message.bytes)
  else if (message.type === 'judged') known?.judged(message.enter)
  else if (message.type === 'close') {
    watches.delete(message.id)
    known?.[Symbol.dispose]()
  } else {
    guarded(message.id, message.job.root, () => void watches.set(message.id, new TreeWatch(message.job, mounts)))
  }
  return true
}

/** Does `work` for one watcher; what it throws ends that watcher and no other. */
function guarded(id: string, path: string, work: () => void): void {
  try {
    work()
  } catch (thrown) {
    watches.get(id)?.[Symbol.dispose]()
    watches.delete(id)
    main.say({ type: 'failed', id, fault: noticeOf(faultOfSystem(thrown, path), 'watching') })
  }
}

/** Takes what the main thread has sent; false when the thread is to end. */
function hear(): boolean {
  readSync(wakeup, counter)
  for (let next = main.next(); next !== undefined; next = main.next()) if (!handle(next)) return false
  return true
}

/** A slice for one watcher and what came of it. */
function advance(id: string, watch: TreeWatch, readable: boolean): void {
  const before = watch.started
  watch.advance(performance.now(), readable)
  const { coverage } = watch
  const places = watch.takeRemounted()
  if (places !== undefined) main.say({ type: 'remounted', id, places })
  const batch = watch.outbox.send()
  if (batch !== undefined) main.say({ type: 'told', id, ...batch, coverage })
  if (!before && watch.started) main.say({ type: 'opened', id, coverage })
}

function run(): void {
  for (;;) {
    const now = performance.now()
    const due = [...watches.values()].reduce((first, watch) => Math.min(first, watch.due), now + LONGEST_SLEEP)
    const entries = [...watches]
    const fds = entries.map(([, { fd }]) => fd) // a negative one is passed over
    const [woken, ...events] = pollReadable([wakeup, ...fds], Math.max(0, Math.ceil(due - now)))
    if (woken !== 0 && !hear()) return
    for (const [index, [id, watch]] of entries.entries()) {
      if (watches.get(id) !== watch) continue
      guarded(id, watch.path, () => advance(id, watch, events[index] !== 0))
    }
  }
}

main.say({ type: 'here' })
run()
for (const watch of watches.values()) watch[Symbol.dispose]()
