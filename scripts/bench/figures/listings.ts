// Figure 3: listings of 100,000 files, JSON and HTTP included, against `rg --files` on the same tree.

import { download } from '../download.ts'
import { floorOf, interleaved, measured, type Bench, type Row } from '../figure.ts'
import { timeToRead } from '../processes.ts'
import { openSubject, RIPGREP } from '../subject.ts'

const ROUNDS = 7

/** Flags with which rg sees the tree as our listings do: dotfiles too. */
const RG = ['--no-config', '--files', '--hidden']

export async function listings(bench: Bench): Promise<Row[]> {
  const tree = bench.tree()
  await using subject = await openSubject()
  bench.print(`listings of ${tree.files} files`)
  const { port } = subject
  const path = encodeURIComponent(tree.path)
  const stream = (rules: boolean) => async () =>
    (await download({ port, path: `/files/stream?path=${path}&light=true&use_gitignore=${rules}`, ending: '"done"' }))
      .ms
  const list = `/files?path=${path}&nested=true&flatten=true&light=true`
  const samples = await interleaved(ROUNDS, {
    stream: stream(false),
    rg: () => timeToRead(RIPGREP, [...RG, '--no-ignore', tree.path]),
    rules: stream(true),
    rgRules: () => timeToRead(RIPGREP, [...RG, '--no-require-git', tree.path]),
    list: async () => (await download({ port, path: list, ending: '"truncated":true' })).ms,
  })
  const row = { figure: '3', unit: 'ms' }
  const plain = floorOf('rg --files', samples.rg)
  const ruled = floorOf('rg --files', samples.rgRules)
  return [
    {
      ...row,
      measure: 'GET /files/stream light, no rules',
      ...measured(samples.stream),
      floor: plain,
      hold: { atMost: 1.2 },
    },
    {
      ...row,
      measure: 'GET /files/stream light, .gitignore',
      ...measured(samples.rules),
      floor: ruled,
      hold: { atMost: 1.6 },
    },
    {
      ...row,
      measure: 'GET /files flat light, .gitignore, to its cap',
      ...measured(samples.list),
      floor: ruled,
      hold: { atMost: 1.6 },
    },
  ]
}
