// The changes of single paths as a stream of frames: first those that are watched, then each that has changed,
// named once however often it changed since the last was taken.

import type { Frame } from '../operation.ts'
import type { PathWatches } from '../workspace/watchers/path-watches.ts'

export async function* changesOf(
  watches: PathWatches,
  paths: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Frame, void> {
  const changed = new Set<string>()
  let wake = (): void => undefined
  const over = (): void => wake()
  signal.addEventListener('abort', over, { once: true })
  try {
    using watch = await watches.watch(
      paths,
      (path) => {
        changed.add(path)
        wake()
      },
      signal,
    )
    yield { event: 'watching', data: { values: watch.paths } }
    while (!signal.aborted) {
      for (const path of changed) {
        changed.delete(path)
        yield { event: 'changed', data: { value: path } }
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      if (changed.size === 0 && !signal.aborted) await promise
    }
  } finally {
    signal.removeEventListener('abort', over)
  }
}
