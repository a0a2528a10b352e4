// Figure 1, the part of the child alone: /bin/true started by a daemon with a changed OOM score, and by one with the
// settings of a login. The changes around the call must not be felt.

import { openChildren, type Children } from '../../../src/workspace/processes/child.ts'
import { floorOf, interleaved, measured, median, timed, type Bench, type Row } from '../figure.ts'

const ROUNDS = 15
const STARTS = 40
const SCORE = 100

export async function childStart({ print }: Bench): Promise<Row[]> {
  print('start of /bin/true, with and without settings of its own')
  await using plain = openChildren()
  await using scored = openChildren({ oomScore: SCORE })
  const samples = await interleaved(ROUNDS, { plain: () => startP50(plain), scored: () => startP50(scored) })
  const row = { figure: '1', measure: 'start of a child with an OOM score of its own, p50', unit: 'ms' }
  const floor = floorOf('without', samples.plain)
  return [{ ...row, ...measured(samples.scored), floor, hold: { atMost: 1.1 } }]
}

async function startP50(children: Children): Promise<number> {
  const times: number[] = []
  for (let count = 0; count < STARTS; count++) times.push(await timed(() => startOne(children)))
  return median(times)
}

async function startOne(children: Children): Promise<void> {
  const child = await children.spawn({ argv: ['/bin/true'], cwd: '/', env: {}, stdin: 'empty' })
  child.stdout.resume()
  child.stderr.resume()
  await child.exited
  child.release()
}
