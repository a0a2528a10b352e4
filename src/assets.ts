// Where the parts that are not bundled JavaScript come from: worker code, ripgrep, the native library.
// From source they are files in the tree; in the executable they are assets inside it.

import { Worker } from 'node:worker_threads'

/** Worker entry points: the files of src/threads. */
export type WorkerName = 'tree-walker' | 'child-waiter' | 'content-scanner' | 'json-parser'

/** Starts a worker of src/threads. The caller owns it and terminates it. */
export function startWorker(name: WorkerName, workerData: unknown): Worker {
  return new Worker(new URL(`./threads/${name}.ts`, import.meta.url), { workerData, name })
}
