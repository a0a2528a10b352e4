// Work with files: write, read again and compare, list, search, move and delete; archives down and up.

import { join } from 'node:path'
import type { Client } from '../client.ts'

const PAUSE_MS = 120
/** Files of each client: no other client writes them, so a client reads what it wrote. */
const FILES = 20
const LARGE_BYTES = 256 * 1024

const query = (path: string): string => `path=${encodeURIComponent(path)}`
const folderOf = ({ subject, name }: Client): string => join(subject.ground.files, name)

/** Known contents of each client's files; undefined after an answer that was cut. */
const contents = new Map<string, string | undefined>()

export async function write(client: Client): Promise<void> {
  const path = join(folderOf(client), `dir-${client.random.below(4)}`, `file-${client.random.below(FILES)}`)
  const content = `needle ${client.random.below(1e9)}\n`.repeat(1 + client.random.below(LARGE_BYTES / 20))
  const raw = client.random.below(2) === 0
  const { status } = raw
    ? await client.ask('PUT', `/files/raw?${query(path)}&create_dirs=true`, Buffer.from(content))
    : await client.ask('POST', '/files/write', { path, content, create_dirs: true })
  // A refused write has changed nothing; a write whose answer was cut may have happened.
  if (status === 0) contents.set(path, undefined)
  else if (status < 300) contents.set(path, content)
  const known = contents.get(path)
  const read = await client.ask('GET', `/files/raw?${query(path)}`)
  if (known !== undefined && read.status === 200)
    client.expect(read.bytes.equals(Buffer.from(known)), `${path} differs`)
  await client.think(PAUSE_MS)
}

export async function list(client: Client): Promise<void> {
  const where = query(client.subject.ground.files)
  const asks = [`/files?${where}&nested=true`, `/files/stream?${where}`, `/files/stat?${where}`, `/files?${where}`]
  const { status } = await client.ask('GET', client.random.pick(asks))
  client.expect(status < 300 || status === 503, `a listing answered ${status}`)
  await client.think(PAUSE_MS)
}

export async function search(client: Client): Promise<void> {
  const where = query(client.subject.ground.files)
  const asks = [`/files/search?${where}&q=needle`, `/files/search?${where}&q=nowhere-to-be-found`, `/files/search/files?${where}&q=file`] // prettier-ignore
  await client.ask('GET', client.random.pick(asks))
  await client.think(2 * PAUSE_MS)
}

export async function rearrange(client: Client): Promise<void> {
  const [from, to] = ['moving', 'moved'].map((name) => join(folderOf(client), name))
  await client.ask('POST', '/files/write', { path: join(from ?? '', 'a/b/c'), content: 'x', create_dirs: true })
  await client.ask('POST', '/files/move', { path: from, to })
  await client.ask('POST', '/files/delete', { path: to, recursive: true })
  await client.make('POST', '/files/delete', { path: from, recursive: true })
  await client.think(4 * PAUSE_MS)
}

export async function transfer(client: Client): Promise<void> {
  const { files } = client.subject.ground
  const archive = await client.ask('POST', '/files/transfer/download', {
    paths: [files],
    exclude_patterns: ['unpacked-*'],
  })
  if (archive.status === 200) {
    const dest = join(files, `unpacked-${client.name}`)
    await client.ask('POST', `/files/transfer/upload?dest=${encodeURIComponent(dest)}`, archive.bytes)
    await client.make('POST', '/files/delete', { path: dest, recursive: true })
  }
  await client.think(20 * PAUSE_MS)
}
