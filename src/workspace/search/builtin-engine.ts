// The built-in engine of content search: one worker thread a search, terminated as soon as enough is known,
// the caller has left or the deadline has come. Slower than ripgrep, and there wherever the daemon is.

import { startWorker } from '../../base/assets.ts'
import { Fault } from '../../base/fault.ts'
import type { ContentQuery, ScanOrder, SearchTarget } from '../../threads/scan/content-query.ts'
import type { FromScanner } from '../../threads/content-scanner.ts'
import { ResultCollector, type SearchResult } from './search-result.ts'

export async function searchBuiltIn(
  query: ContentQuery,
  target: SearchTarget,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<SearchResult> {
  signal.throwIfAborted()
  const collector = new ResultCollector(query, target)
  const home = { home: environment['HOME'], configHome: environment['XDG_CONFIG_HOME'] }
  const order: ScanOrder = { query, target, home }
  const worker = startWorker('content-scanner', order)
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  worker.on('message', (message: FromScanner) => {
    if (message.type === 'warning') collector.warn(message.warning)
    else if (message.type === 'refused') {
      reject(new Fault('bad_request', message.sentence, { details: { field: 'q' } }))
    } else if (message.type === 'done' || message.lines.some((line) => collector.add(line))) resolve()
  })
  worker.on('error', reject)
  worker.on('exit', () => reject(new Error('the content scanner ended without an answer')))
  try {
    await ended
  } finally {
    signal.removeEventListener('abort', stop)
    await worker.terminate()
  }
  return collector.result('builtin')
}
