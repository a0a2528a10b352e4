// GET /metrics for Prometheus. Any credential will do, so that whoever scrapes needs one that allows nothing else.
// Labels are names of operations and words of closed lists: no path, command or id is ever among them.

import { ByteStream, operation } from '../operation.ts'
import { Type } from '../schema.ts'
import { metricsText } from './metrics-text.ts'

export const metrics = operation({
  name: 'metrics',
  title: 'Metrics',
  summary: 'Tells calls, latencies, load, memory and losses in the text format of Prometheus.',
  scope: 'none',
  input: Type.Object({}),
  output: Type.Object({}),
  routes: [{ method: 'GET', path: '/metrics', answers: 'text/plain' }],
  remarks: 'Counters begin at the start of the daemon; delays of the event loop are those since the scrape before.',
  example: {},
  async run(_, call) {
    const { type, text } = await metricsText(call)
    const bytes = Buffer.from(text)
    return new ByteStream({ headers: { 'content-type': type }, size: bytes.byteLength }, once(bytes))
  },
})

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
