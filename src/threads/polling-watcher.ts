// The polling watcher's thread, one for each mount. It compares the files of file systems that do not notify, and
// starts only when such a tree is watched. Its own calls may hang without blocking other watchers; chokidar's calls go
// through Node's file threads, which the whole process shares.

import { faultOfSystem, noticeOf } from '../base/fault.ts'
import { mainPort } from '../base/port.ts'
import { PollingWatch } from './watch/polling-watch.ts'
import type { FromReader, ToReader, WatchJob } from './watch/watch-job.ts'

const main = mainPort<ToReader, FromReader>()
const watches = new Map<string, PollingWatch>()

function open(id: string, job: WatchJob): void {
  const told = () => {
    const batch = watch.outbox.send()
    if (batch !== undefined) main.say({ type: 'told', id, ...batch, coverage: watch.coverage })
  }
  const watch = new PollingWatch(job, { ready: () => main.say({ type: 'opened', id, coverage: watch.coverage }), told })
  watches.set(id, watch)
}

function handle(message: ToReader): void {
  if (message.type === 'end') {
    main.close()
    for (const watch of watches.values()) void watch[Symbol.asyncDispose]()
    watches.clear()
    return
  }
  if (message.type === 'ask') {
    for (const watch of watches.values()) watch.knock()
    main.say({ type: 'here' })
    return
  }
  if (message.type === 'judged') return // meant only for the inotify reader
  const known = watches.get(message.id)
  if (message.type === 'open') open(message.id, message.job)
  else if (message.type === 'taken') {
    known?.outbox.taken(message.count, message.bytes)
    known?.resume()
  } else {
    watches.delete(message.id)
    void known?.[Symbol.asyncDispose]()
  }
}

main.say({ type: 'here' })
main.hear((message) => {
  try {
    handle(message)
  } catch (thrown) {
    if (message.type !== 'open') throw thrown
    const fault = noticeOf(faultOfSystem(thrown, message.job.root), 'watching')
    main.say({ type: 'failed', id: message.id, fault })
  }
})
