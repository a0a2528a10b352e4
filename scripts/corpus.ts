// Asks the executable the whole corpus and says what differs from the snapshots of test/corpus. With --record the
// shapes (status, codes, fields, values) are stored anew, with --words the sentences too. Exit code 1: something
// differs.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { record } from '../test/corpus/recording.ts'
import { differences, readSnapshot, snapshotOf, writeSnapshot, type Kind } from '../test/corpus/snapshot.ts'

const handlers: (() => void | Promise<void>)[] = []
const place = mkdtempSync(join(tmpdir(), 'workspace-runtime-corpus-'))
try {
  const came = snapshotOf(await record({ teardown: (handler) => handlers.push(handler) }, place))
  const renewed: readonly Kind[] = process.argv.includes('--words') ? ['shapes', 'words'] : ['shapes']
  for (const kind of ['shapes', 'words'] as const) {
    const differing = differences(readSnapshot(kind), came[kind])
    for (const line of differing) console.log(`${kind}: ${line}`)
    const renew = process.argv.includes('--record') && renewed.includes(kind)
    if (renew) writeSnapshot(kind, came[kind])
    console.log(`${kind}: ${differing.length} differences${renew ? ', stored' : ''}`)
    if (!renew && differing.length > 0) process.exitCode = 1
  }
} finally {
  for (const handler of handlers.toReversed()) await handler()
  rmSync(place, { recursive: true, force: true })
}
