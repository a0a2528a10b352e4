// Runs one case alone on a fresh daemon, and shows the request and the answer.

import { chanceOf } from './chance.ts'
import { frameCase } from './frame-case.ts'
import { FRAMES } from './frames.ts'
import { httpCase } from './http-case.ts'
import { queryCase } from './query-case.ts'
import { rpcCase } from './rpc-case.ts'
import { report } from './report.ts'
import { runFuzzer, type FuzzerName, type Order } from './run.ts'
import type { Sandbox } from './subject.ts'
import { tarBytes } from './tar.ts'
import { FIRST_IDS } from './terminals.ts'

export async function replay(name: FuzzerName, order: Order, sandbox: Sandbox): Promise<string> {
  const bytes = caseBytes(name, order, sandbox)
  const outcomes = await runFuzzer(name, order, sandbox)
  const sent = JSON.stringify(bytes.toString('latin1'))
  return [`${name} case ${order.from}, ${bytes.length} bytes: ${sent}`, ...outcomes.map(report)].join('\n')
}

function caseBytes(name: FuzzerName, { seed, from }: Order, { ground }: Sandbox): Buffer {
  const random = chanceOf(seed, name, from)
  const place = { ground, application: 1 }
  switch (name) {
    case 'http':
      return httpCase(random, place).bytes
    case 'json-rpc':
      return rpcCase(random, place).bytes
    case 'query':
      return queryCase(random, place).bytes
    case FRAMES:
      return frameCase(random, FIRST_IDS).bytes
    case 'tar':
      return tarBytes(seed, from)
  }
}
