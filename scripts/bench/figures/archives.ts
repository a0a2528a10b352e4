// Figure 10, its archives: a tree of 1 GiB down and up as tar.gz, and down as tar.zst, beside tar piped through
// the same compressor; one file of 1 GiB through the same door beside tar alone. Memory is that of all of it.

import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeArchiveTree } from '../archive-tree.ts'
import { download } from '../download.ts'
import { floorOf, interleaved, measured, timed, type Bench, type Row } from '../figure.ts'
import { openGround, type Ground } from '../ground.ts'
import { anonymousGrowth } from '../memory-peak.ts'
import { output, programOf } from '../processes.ts'
import { openSubject, type Subject } from '../subject.ts'
import { upload } from '../upload.ts'

/** Rounds of a figure; one takes half a minute, nearly all of it gzip. */
const ROUNDS = 2
const FAST_ROUNDS = 5
const GIB = 1024 ** 3

export async function archives(bench: Bench): Promise<Row[]> {
  const bytes = bench.quick ? GIB / 8 : GIB
  using ground = openGround('archives', { bytes: 4 * bytes, files: 40_000 })
  const tree = join(ground.path, 'tree')
  mkdirSync(tree)
  const files = makeArchiveTree(tree, bytes)
  await using subject = await openSubject()
  const rows: Row[] = []
  const add = async (act: () => Promise<Row>): Promise<void> => {
    const grown = await anonymousGrowth(subject.pid, async () => rows.push(await act()))
    bench.print(`${rows.at(-1)?.measure}: ${grown.toFixed(1)} MiB more at its peak`)
  }
  const grown = await anonymousGrowth(subject.pid, async () => {
    bench.print(`archives of ${(bytes / GIB).toFixed(1)} GiB in ${files} files`)
    await add(() => down(subject, tree, 'gzip', ROUNDS))
    if (programOf('zstd') === undefined) bench.print('zstd is not here: no floor for tar.zst')
    else await add(() => down(subject, tree, 'zstd', FAST_ROUNDS))
    await add(() => up(subject, ground, files))
    await add(() => oneFile(subject, ground, bytes))
  })
  const measure = 'anonymous memory added at the peak of these'
  return [...rows, { figure: '10', measure, ours: grown, unit: 'MiB', hold: { atMost: 32 } }]
}

const COMPRESSORS = { gzip: ['tar.gz', 'gzip -6'], zstd: ['tar.zst', 'zstd -3 -T1 -q'] } as const

async function down(subject: Subject, tree: string, name: 'gzip' | 'zstd', rounds: number): Promise<Row> {
  const [format, compressor] = COMPRESSORS[name]
  const samples = await interleaved(
    rounds,
    {
      ours: () => packed(subject, tree, format),
      floor: () => shell(`tar -cf - -C "$1" . | ${compressor} | cat > /dev/null`, tree),
    },
    0,
  )
  return {
    figure: '10',
    measure: `a tree of 1 GiB down as ${format}`,
    ...measured(samples.ours),
    unit: 'ms',
    floor: floorOf(`tar | ${name}`, samples.floor),
    hold: { atMost: 1.3 },
  }
}

/** Resolves with the milliseconds of a download. */
async function packed({ port }: Subject, path: string, format: string): Promise<number> {
  const body = JSON.stringify({ paths: [path], format })
  // the last chunk and the trailers: all came
  return (await download({ port, method: 'POST', path: '/files/transfer/download', body, ending: '"count":0' })).ms
}

async function up({ port }: Subject, { path }: Ground, files: number): Promise<Row> {
  const archive = join(path, 'tree.tar.gz')
  await shell('tar -cf - -C "$1" tree | gzip -1 > "$2"', path, archive)
  const into = async (act: (dest: string) => Promise<unknown>): Promise<number> => {
    const dest = join(path, 'unpacked')
    mkdirSync(dest)
    const ms = await timed(() => act(dest))
    rmSync(dest, { recursive: true })
    return ms
  }
  const ours = async (dest: string): Promise<void> => {
    const query = `/files/transfer/upload?dest=${encodeURIComponent(dest)}`
    const answer = await upload({ port, method: 'POST', path: query, file: archive })
    const { files_extracted: count } = JSON.parse(answer) as { files_extracted: number } // the daemon's own
    if (count !== files) throw new Error(`${count} of ${files} files were unpacked`)
  }
  const samples = await interleaved(
    ROUNDS + 1,
    {
      ours: () => into(ours),
      floor: () => into((dest) => shell('gzip -dc "$2" | tar -xf - -C "$1"', dest, archive)),
    },
    0,
  )
  rmSync(archive)
  return {
    figure: '10',
    measure: 'a tree of 1 GiB up as tar.gz',
    ...measured(samples.ours),
    unit: 'ms',
    floor: floorOf('gzip -d | tar', samples.floor),
    hold: { atMost: 1.3 },
  }
}

async function oneFile(subject: Subject, { path }: Ground, bytes: number): Promise<Row> {
  const file = join(path, 'one')
  await shell('cat "$1"/tree/large* > "$2"; truncate -s "$3" "$2"', path, file, String(bytes))
  if (statSync(file).size !== bytes) throw new Error('the file has another size')
  const samples = await interleaved(FAST_ROUNDS, {
    ours: () => packed(subject, file, 'tar'),
    floor: () => shell('tar -cf - -C "$1" one | cat > /dev/null', path),
  })
  rmSync(file)
  return {
    figure: '10',
    measure: 'a file of 1 GiB down as tar',
    ...measured(samples.ours),
    unit: 'ms',
    floor: floorOf('tar', samples.floor),
    hold: { atMost: 1.3 },
  }
}

/** Resolves with the milliseconds of a line of the shell. */
const shell = (line: string, ...args: string[]): Promise<number> =>
  timed(() => output('/bin/bash', ['-o', 'pipefail', '-c', line, 'bash', ...args]))
