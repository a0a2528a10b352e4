// Reads the query of /ws.

import t from 'tap'
import { readOptions } from '../../../src/transports/socket/options.ts'

const read = (query: string) => readOptions(new URLSearchParams(query), 'replace')

t.test('mode, flow and since', async (t) => {
  t.strictSame(read(''), { mode: 'replace', acks: false, since: new Map() })
  t.strictSame(read('mode=shared&flow=ack&since=1:77777,255:0'), {
    mode: 'shared',
    acks: true,
    since: new Map([
      [1, { offset: 77_777 }],
      [255, { offset: 0 }],
    ]),
  })
  t.equal(readOptions(new URLSearchParams(), 'shared').mode, 'shared')
  t.equal(readOptions(new URLSearchParams('mode=replace'), 'shared').mode, 'replace')
  t.equal(read('since=1:9007199254740991').since.get(1)?.offset, Number.MAX_SAFE_INTEGER)
  t.strictSame(read('since=1:705:aB-_9,2:3').since.get(1), { offset: 705, life: 'aB-_9' })
  const longest = Array.from({ length: 256 }, (_, id) => `${id}:${Number.MAX_SAFE_INTEGER}:${'x'.repeat(32)}`)
  t.equal(read(`since=${longest.join()}`).since.size, 256)
})

t.test('what means nothing is refused', async (t) => {
  for (const query of [
    'mode=',
    'mode=all',
    'flow=none',
    'since=1',
    'since=x:1',
    'since=1:',
    'since=1:-1',
    'since=1:1:',
    'since=1:1:a.b',
    'since=1:1:a:b',
    `since=1:1:${'x'.repeat(33)}`,
    'since=256:1',
    'since=1:9007199254740992',
    'since=1:1,',
    `since=${'1:1,'.repeat(5000)}1:1`,
  ]) {
    t.throws(() => read(query), { code: 'bad_request' }, query.slice(0, 40))
  }
})
