// Every exchange of the corpus, asked again of the daemon and compared with what is stored. After a wanted change:
// `npm run corpus -- --record` renews the shapes, `-- --record --words` the sentences too.

import t from 'tap'
import { gaps } from './completeness.ts'
import { record } from './recording.ts'
import { differences, readSnapshot, snapshotOf, type Recording, type Snapshot } from './snapshot.ts'

/** Lines of a difference that are shown. */
const SHOWN = 25

let recording: Recording
let came: Snapshot

t.before(async () => {
  recording = await record(t, t.testdir({}))
  came = snapshotOf(recording)
})

for (const [kind, what] of [
  ['shapes', 'status, codes, field names and values'],
  ['words', 'sentences, descriptions and help texts'],
] as const) {
  t.test(`${what} are those of the corpus`, async (t) => {
    const differing = differences(readSnapshot(kind), came[kind])
    for (const line of differing.slice(0, SHOWN)) t.comment(line)
    t.equal(differing.length, 0, `${kind}: ${differing.length} differences`)
  })
}

t.test('every operation, route, tool, method and frame is in the corpus, with a success and a failure', async (t) => {
  t.same(gaps(recording), [])
})
