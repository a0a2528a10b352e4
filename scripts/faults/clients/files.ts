// Clients of files: some write numbered contents through both doors and read them again, some only read, and some
// append numbered records to a log that they share.

import { join } from 'node:path'
import { fileContent, logRecord, sha256, tagOf } from '../content.ts'
import type { Client } from '../client.ts'

/** Number of files: few enough that writers meet each other and readers meet writers. */
export const FILES = 12
export const LOG = 'log'
const PAUSE_MS = 60
/** One file in `every` is larger than a page cache takes in one step. */
const LARGE = { every: 12, bytes: 1024 * 1024 }
const SMALL_BYTES = 48 * 1024

export const fileName = (number: number): string => `dir-${number % 3}/file-${number}`

const query = (path: string): string => `path=${encodeURIComponent(path)}`

export async function write(client: Client): Promise<void> {
  for (let number = 0; !client.signal.aborted; number++) {
    await client.gate.pass(client.name)
    const file = fileName(client.random.below(FILES))
    const what = client.random.below(6)
    if (what === 0) await readOnce(client, file)
    else if (what === 1) await comeAndGo(client, number)
    else await writeOnce(client, file, number)
    await client.think(PAUSE_MS)
  }
}

export async function read(client: Client): Promise<void> {
  while (!client.signal.aborted) {
    await readOnce(client, fileName(client.random.below(FILES)))
    await client.think(PAUSE_MS)
  }
}

async function writeOnce(client: Client, file: string, number: number): Promise<void> {
  const { random, subject } = client
  const large = random.below(LARGE.every) === 0
  const bytes = 40 + random.below(large ? LARGE.bytes : SMALL_BYTES)
  const content = fileContent(`${client.name} ${tagOf('w', number)}`, bytes)
  const door = random.pick(['write', 'raw'] as const)
  const slow = random.below(5) === 0
  const path = join(subject.ground.files, file)
  const answer = await (door === 'write'
    ? client.ask('POST', '/files/write', { json: { path, content, create_dirs: true } })
    : client.ask('PUT', `/files/raw?${query(path)}&create_dirs=true`, {
        raw: { bytes: Buffer.from(content), pieces: slow ? 10 : 1 },
      }))
  if (answer === undefined) return
  const { outcome, begin, end, status, body } = answer
  client.history.add({
    type: 'write',
    client: client.name,
    file,
    door,
    sha256: sha256(content),
    bytes,
    begin,
    end,
    outcome,
    status,
    ...(outcome === 'acknowledged' ? { size: body.size } : {}),
  })
}

/** Number of a client's names that stay. */
const NAMES = 60

/**
 * Writes files once, and later moves or deletes them: no later change makes up for one that a watcher did not report.
 * They are in no register; the accounts alone tell of them.
 */
async function comeAndGo(client: Client, number: number): Promise<void> {
  const name = (n: number): string => join(client.subject.ground.files, `once-${n % 4}`, `${client.name}-${n}`)
  await client.ask('POST', '/files/write', { json: { path: name(number), content: `${number}`, create_dirs: true } })
  const old = number - NAMES - client.random.below(NAMES)
  if (client.random.below(2) === 0) await client.ask('POST', '/files/delete', { json: { path: name(old) } })
  else await client.ask('POST', '/files/move', { json: { path: name(old), to: `${name(old)}-moved`, overwrite: true } })
}

export async function readOnce(client: Client, file: string): Promise<void> {
  const path = join(client.subject.ground.files, file)
  const raw = client.random.below(2) === 0
  const answer = await client.ask('GET', `/files/${raw ? 'raw' : 'read'}?${query(path)}`)
  if (answer === undefined || answer.outcome === 'unknown') return
  if (answer.outcome === 'refused' && answer.status !== 404) return
  const content = answer.status === 404 ? null : raw ? answer.bytes : String(answer.body.content)
  client.history.add({
    type: 'read',
    client: client.name,
    file,
    begin: answer.begin,
    end: answer.end,
    sha256: content === null ? null : sha256(content),
  })
}

/** Bytes that one write(2) can split, through a kill or a full disk. */
const LARGE_RECORD = 24 * 1024

export async function append(client: Client): Promise<void> {
  const path = join(client.subject.ground.files, LOG)
  for (let number = 0; !client.signal.aborted; number++) {
    await client.gate.pass(client.name)
    const bytes = 40 + client.random.below(client.random.below(20) === 0 ? LARGE_RECORD : 200)
    const content = logRecord(client.name, number, bytes)
    const answer = await client.ask('POST', '/files/write', { json: { path, content, append: true } })
    if (answer !== undefined) {
      const { outcome, begin, end, status } = answer
      client.history.add({ type: 'append', client: client.name, log: LOG, number, bytes, begin, end, outcome, status })
    }
    await client.think(PAUSE_MS)
  }
}
