// The polling watcher's thread: file systems that do not notify are looked at here, where a server that does
// not answer holds nobody else up. Loaded only when such a tree is watched.

import { parentPort } from 'node:worker_threads'
import { Fault, faultOfSystem } from '../base/fault.ts'
import { PollingWatch } from './watch/polling-watch.ts'
import type { FromReader, ToReader, WatchJob } from './watch/watch-job.ts'

const watches = new Map<string, PollingWatch>()

function post(message: FromReader): void {
  parentPort?.postMessage(message)
}

function open(id: string, job: WatchJob): void {
  const told = () => {
    const batch = watch.outbox.send()
    if (batch !== undefined) post({ type: 'told', id, ...batch, coverage: watch.coverage })
  }
  const watch = new PollingWatch(job, { ready: () => post({ type: 'opened', id, coverage: watch.coverage }), told })
  watches.set(id, watch)
}

function handle(message: ToReader): void {
  if (message.type === 'end') {
    parentPort?.close()
    for (const watch of watches.values()) void watch[Symbol.asyncDispose]()
    watches.clear()
    return
  }
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

parentPort?.on('message', (message: ToReader) => {
  try {
    handle(message)
  } catch (thrown) {
    if (message.type !== 'open') throw thrown
    const error = faultOfSystem(thrown, message.job.root)
    const fault = error instanceof Fault ? error : new Fault('internal_error', `watching failed: ${String(error)}`)
    post({
      type: 'failed',
      id: message.id,
      fault: { code: fault.code, sentence: fault.message, details: fault.details },
    })
  }
})
