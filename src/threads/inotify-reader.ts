// The inotify reader: a thread that blocks in poll(2) on one descriptor for each of its watchers and one with which the
// main thread wakes it. Its event loop never turns: it takes the messages from their port when it wakes. The main
// thread must tell it to end before the process exits: a thread that is blocked in a native call cannot be terminated.

import { readSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { faultOfSystem, noticeOf } from '../base/fault.ts'
import { mainPort } from '../base/port.ts'
import { sayLastCall } from '../native/last-call.ts'
import { pollReadable } from '../native/libc.ts'
import { MountTable } from './watch/disk.ts'
import { TreeWatch } from './watch/tree-watch.ts'
import type { FromReader, ReaderStart, ToReader } from './watch/watch-job.ts'

const { wakeup, lastCall } = workerData as ReaderStart // only reader-thread.ts starts this thread
const main = mainPort<ToReader, FromReader>()
const watches = new Map<string, TreeWatch>()
const mounts = new MountTable()
const counter = Buffer.alloc(8)

/** Milliseconds that the thread sleeps at most: a number that poll(2) accepts. */
const LONGEST_SLEEP = 3_600_000

/** Handles a message; returns false if the thread must end. */
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

/** Does `work` for one watcher; an error ends that watcher and no other. */
function guarded(id: string, path: string, work: () => void): void {
  try {
    work()
  } catch (thrown) {
    watches.get(id)?.[Symbol.dispose]()
    watches.delete(id)
    main.say({ type: 'failed', id, fault: noticeOf(faultOfSystem(thrown, path), 'watching') })
  }
}

/** Handles the main thread's messages; returns false if the thread must end. */
function hear(): boolean {
  readSync(wakeup, counter)
  for (let next = main.next(); next !== undefined; next = main.next()) if (!handle(next)) return false
  return true
}

/** Does a slice of one watcher's work and sends the results. */
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
    const fds = entries.map(([, { fd }]) => fd) // poll(2) skips a negative one
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
sayLastCall(lastCall)
