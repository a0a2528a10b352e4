// Figure 5: content search, with few hits and stopped at 100, against ripgrep with the same pattern and
// rules, itself stopped at 100 lines.

import { download } from '../download.ts'
import { floorOf, interleaved, measured, type Bench, type Row } from '../figure.ts'
import { timeToRead } from '../processes.ts'
import { openSubject, RIPGREP } from '../subject.ts'

const ROUNDS = 9
const CAP = 100
const RG = ['--no-config', '--no-require-git', '--line-number', '--column', '--ignore-case', '--fixed-strings']

export async function contentSearch(bench: Bench): Promise<Row[]> {
  const tree = bench.tree()
  await using subject = await openSubject()
  bench.print(`content search in ${tree.files} files`)
  const search = (q: string) => async () =>
    (
      await download({
        port: subject.port,
        path: `/files/search?path=${encodeURIComponent(tree.path)}&q=${encodeURIComponent(q)}`,
        ending: '"total_files"',
      })
    ).ms
  const rg = (q: string, lines?: number) => () => timeToRead(RIPGREP, [...RG, '-e', q, '--', tree.path], lines)
  const samples = await interleaved(ROUNDS, {
    few: search('rare_needle'),
    rgFew: rg('rare_needle'),
    capped: search('common words'),
    rgCapped: rg('common words', CAP),
  })
  const row = { figure: '5', unit: 'ms', hold: { atMost: 1.15, plus: 5 } }
  return [
    { ...row, measure: 'GET /files/search, 20 hits', ...measured(samples.few), floor: floorOf('rg', samples.rgFew) },
    {
      ...row,
      measure: 'GET /files/search, stopped at 100',
      ...measured(samples.capped),
      floor: floorOf('rg, 100 lines', samples.rgCapped),
    },
  ]
}
