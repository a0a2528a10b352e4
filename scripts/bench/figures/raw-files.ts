// Figure 10, its files: 1 GiB through GET /files/raw beside cat of the same bytes, and through PUT beside a server of
// bare node:http and beside dd; and the anonymous memory (RssAnon) that 2 GiB through each of the four doors of bytes
// add.

import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Header } from 'tar'
import { noiseOf } from '../archive-tree.ts'
import { download } from '../download.ts'
import { floorOf, interleaved, measured, timed, type Bench, type Row } from '../figure.ts'
import { openGround } from '../ground.ts'
import { anonymousGrowth } from '../memory-peak.ts'
import { end, firstLine, output, programPath, start } from '../processes.ts'
import { openSubject, type Subject } from '../subject.ts'
import { upload } from '../upload.ts'

const ROUNDS = 5
const GIB = 1024 ** 3
const MIB = 1024 ** 2
const ROW = { figure: '10', hold: { atMost: 1.3 } } as const

export async function rawFiles({ print, quick }: Bench): Promise<Row[]> {
  const bytes = quick ? GIB / 8 : GIB
  using ground = openGround('raw', { bytes: 5 * bytes, files: 10 })
  await using subject = await openSubject()
  const file = join(ground.path, 'file')
  fill(file, bytes)
  print(`files of ${bytes / MIB} MiB through /files/raw`)
  const reading = await interleaved(ROUNDS, {
    ours: () => get(subject, file, bytes),
    floor: () => timed(() => output('/bin/sh', ['-c', 'cat "$0" | "$1" "$2"', file, process.execPath, READER])),
  })
  const written = join(ground.path, 'written')
  const receiver = start(process.execPath, [RECEIVER, written], { stdio: ['ignore', 'pipe', 'inherit'] })
  const receiving = { port: Number(await firstLine(receiver)) }
  const writing = await interleaved(ROUNDS, {
    ours: () => fresh(written, () => put(subject, file, written)),
    receiver: () => fresh(written, () => put(receiving, file, written)),
    floor: () => fresh(written, () => output('/bin/sh', ['-c', SYNCED, file, written])),
  })
  await end(receiver)
  rmSync(file)
  rmSync(written)
  const read = { ...measured(reading.ours), unit: 'ms', floor: floorOf('cat | Node reader', reading.floor) }
  const wrote = { ...ROW, measure: '1 GiB through PUT /files/raw', ...measured(writing.ours), unit: 'ms' }
  return [
    { ...ROW, measure: '1 GiB through GET /files/raw', ...read },
    { ...wrote, floor: floorOf('node:http into a file', writing.receiver) },
    { ...wrote, floor: floorOf('cat | dd, no network', writing.floor) },
    ...(await memory(subject, ground.path, 2 * bytes)),
  ]
}

const READER = programPath('pipe-reader.ts')
const RECEIVER = programPath('receiver.ts')
/** Command that has the bytes on the disk before it ends, as a durable write does (protocol.md#files-write). */
const SYNCED = 'cat "$0" | dd of="$1" bs=1M iflag=fullblock conv=fsync status=none'

function fill(path: string, bytes: number): void {
  const noise = noiseOf(16 * MIB)
  const fd = openSync(path, 'wx')
  for (let left = bytes; left > 0; left -= noise.length) writeSync(fd, noise, 0, Math.min(left, noise.length))
  closeSync(fd)
}

async function get({ port }: Subject, file: string, bytes: number): Promise<number> {
  const path = `/files/raw?path=${encodeURIComponent(file)}`
  const { ms, bytes: came } = await download({ port, path, ending: '' })
  if (came < bytes) throw new Error(`${came} of ${bytes} bytes came`)
  return ms
}

async function put({ port }: Pick<Subject, 'port'>, file: string, dest: string): Promise<void> {
  await upload({ port, method: 'PUT', path: `/files/raw?path=${encodeURIComponent(dest)}`, file })
}

/** Resolves with the milliseconds of writing a file that does not exist before. */
async function fresh(path: string, act: () => Promise<unknown>): Promise<number> {
  rmSync(path, { force: true })
  return timed(act)
}

/** Measures memory with files of holes, which take no room and are read and sent like any other. */
async function memory(subject: Subject, ground: string, bytes: number): Promise<Row[]> {
  const { port, pid } = subject
  const file = join(ground, 'holes')
  closeSync(openSync(file, 'wx'))
  truncateSync(file, bytes)
  const archive = join(ground, 'holes.tar')
  makeArchive(archive, bytes)
  const dest = join(ground, 'unpacked')
  mkdirSync(dest)
  const body = JSON.stringify({ paths: [file], format: 'tar' })
  const unpack = `/files/transfer/upload?dest=${encodeURIComponent(dest)}`
  const doors: Readonly<Record<string, () => Promise<unknown>>> = {
    'transfer/download': () =>
      download({ port, method: 'POST', path: '/files/transfer/download', body, ending: '"count":0' }),
    'transfer/upload': () => upload({ port, method: 'POST', path: unpack, file: archive }),
    'GET /files/raw': () => get(subject, file, bytes),
    'PUT /files/raw': () => put(subject, file, join(dest, 'put')),
  }
  const rows: Row[] = []
  for (const [door, act] of Object.entries(doors)) {
    const grown = await anonymousGrowth(pid, act)
    const measure = `anonymous memory added by 2 GiB through ${door}`
    rows.push({ figure: '10', measure, ours: grown, unit: 'MiB', hold: { atMost: 32 } })
    rmSync(dest, { recursive: true })
    mkdirSync(dest)
  }
  return rows
}

/** Makes a tar of one file of holes, itself of holes. */
function makeArchive(path: string, bytes: number): void {
  const header = new Header({ path: 'holes', size: bytes, mode: 0o644, type: 'File', mtime: new Date() })
  const block = Buffer.alloc(512)
  header.encode(block)
  const fd = openSync(path, 'wx')
  writeSync(fd, block)
  closeSync(fd)
  truncateSync(path, bytes + 3 * 512) // the end of an archive is two empty blocks
}
