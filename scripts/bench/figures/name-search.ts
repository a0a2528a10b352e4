// Figure 4: search of file names among 100,000, against `rg --files` on the same tree. For a name that does not occur
// the daemon compares every one.

import { download } from '../download.ts'
import { floorOf, interleaved, measured, type Bench, type Row } from '../figure.ts'
import { timeToRead } from '../processes.ts'
import { openSubject, RIPGREP } from '../subject.ts'

const ROUNDS = 9

export async function nameSearch(bench: Bench): Promise<Row[]> {
  const tree = bench.tree()
  await using subject = await openSubject()
  bench.print(`search of names among ${tree.files} files`)
  const { port } = subject
  const path = encodeURIComponent(tree.path)
  const search = (q: string) => async () =>
    (await download({ port, path: `/files/search/files?path=${path}&q=${q}`, ending: '"total_files"' })).ms
  const samples = await interleaved(ROUNDS, {
    none: search('nowhere'),
    rg: () => timeToRead(RIPGREP, ['--no-config', '--files', '--no-require-git', tree.path]),
    few: search('file99'),
  })
  const row = { figure: '4', unit: 'ms', floor: floorOf('rg --files', samples.rg), hold: { atMost: 1 } }
  return [
    { ...row, measure: 'GET /files/search/files, no match', ...measured(samples.none) },
    { ...row, measure: 'GET /files/search/files, 200 matches', ...measured(samples.few) },
  ]
}
