// The changes of single paths as a stream of frames: first those that are watched, then each that has changed,
// named once however often it changed since the last was taken.

import { Waiters } from '../base/waiting.ts'
import type { Frame } from '../operation.ts'
import type { PathWatches } from '../workspace/watchers/path-watches.ts'

export async function* changesOf(
  watches: PathWatches,
  paths: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Frame, void> {
  const changed = new Set<string>()
  const waiters = new Waiters()
  using watch = await watches.watch(
    paths,
    (path) => {
      changed.add(path)
      waiters.wake()
    },
    signal,
  )
  yield { event: 'watching', data: { values: watch.paths } }
  while (!signal.aborted) {
    for (const path of changed) {
      changed.delete(path)
      yield { event: 'changed', data: { value: path } }
    }
    await waiters.until(() => changed.size > 0, signal)
  }
}
