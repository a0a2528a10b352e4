// Clients of watchers: each keeps an account of the files only from the reports, and reads a file only after a report
// that it changed. One gets reports on /ws and looks for itself after each new connection, as it must; the other asks
// with a cursor, which stays valid after a cut: only `resync` makes it look for itself.

import { once } from 'node:events'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Client } from '../client.ts'
import { sha256 } from '../content.ts'

/** Names that watchers leave out (protocol.md#watchers): those of the run end in "~". */
const hidden = (path: string): boolean => path.endsWith('~')

interface Change {
  readonly path: string
  readonly op: string
  readonly directory?: boolean
}

function lookAt(path: string): string | undefined {
  try {
    return lstatSync(path).isDirectory() ? 'directory' : sha256(readFileSync(path))
  } catch {
    return undefined
  }
}

/** Returns the content of the disk, by path below `root`. */
export function disk(root: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const content = hidden(path) ? undefined : lookAt(join(root, path))
    if (content !== undefined) found[path] = content
  }
  return found
}

/** A client's account of the files, from the reports. */
export class Account {
  readonly client: Client
  readonly #root: string
  #told = new Map<string, string>()
  changes = 0
  resyncs = 0

  constructor(client: Client) {
    this.client = client
    this.#root = client.subject.ground.files
  }

  relist(): void {
    this.resyncs++
    this.#told = new Map(Object.entries(disk(this.#root)))
  }

  apply({ path, op, directory }: Change): void {
    this.changes++
    const name = relative(this.#root, path)
    if (op === 'remove' || op === 'rename') return this.#drop(name, directory === true)
    const content = lookAt(path)
    if (content !== undefined) this.#told.set(name, content)
    else if (op === 'create') this.#told.set(name, 'gone') // and its removal will be told
  }

  #drop(name: string, directory: boolean): void {
    this.#told.delete(name)
    if (!directory) return
    for (const known of this.#told.keys()) if (known.startsWith(`${name}/`)) this.#told.delete(known)
  }

  /** Compares the account with the disk, at this moment. */
  compare(): Comparison {
    const there = disk(this.#root)
    const real = Object.entries(there)
    const equal = real.length === this.#told.size && real.every(([path, content]) => this.#told.get(path) === content)
    return { equal, told: Object.fromEntries(this.#told), disk: there }
  }

  note({ told, disk: there }: Comparison): void {
    const { changes, resyncs } = this
    this.client.history.add({ type: 'account', client: this.client.name, told, disk: there, changes, resyncs })
    this.changes = 0
    this.resyncs = 0
  }
}

interface Comparison {
  readonly equal: boolean
  readonly told: Record<string, string>
  readonly disk: Record<string, string>
}

interface Own {
  readonly id: string
  readonly cursor: string
}

/** Returns the watcher of this client, and makes it if there is none; its globs name the owner. */
async function ownWatcher(client: Client): Promise<Own | undefined> {
  const mark = `of-${client.name}`
  const listed = await client.ask('GET', '/watchers')
  if (listed?.outcome !== 'acknowledged') return undefined
  const all = listed.body.watchers as { id: string; cursor: string; excludes: string[] }[]
  const own = all.find(({ excludes }) => excludes.includes(mark))
  if (own !== undefined) return own
  const path = client.subject.ground.files
  const made = await client.ask('POST', '/watchers', { json: { path, excludes: [mark] } })
  return made?.outcome === 'acknowledged' ? (made.body as Own) : undefined
}

export async function watchBySocket(account: Account): Promise<void> {
  const { client } = account
  while (!client.signal.aborted) {
    const own = await ownWatcher(client)
    if (own === undefined) await client.think(100)
    else await listen(account, own.id)
  }
}

async function listen(account: Account, id: string): Promise<void> {
  const { client } = account
  const channel = await client.channel('mode=shared', (message, binary) => {
    if (binary) return
    const frame = JSON.parse(message.toString()) as Change & { channel: string; type: string; watcher_id?: string }
    if (frame.channel !== 'watcher' || frame.watcher_id !== id) return
    if (frame.type === 'ready') account.relist()
    if (frame.type === 'change') account.apply(frame)
  })
  if (channel === undefined) return
  const end = (): void => channel.terminate()
  client.signal.addEventListener('abort', end)
  if (!client.signal.aborted && channel.readyState === channel.OPEN) await once(channel, 'close')
  client.signal.removeEventListener('abort', end)
  channel.terminate()
}

export async function watchByCursor(account: Account): Promise<void> {
  const { client } = account
  while (!client.signal.aborted) {
    const own = await ownWatcher(client)
    if (own === undefined) await client.think(100)
    else await follow(account, own)
  }
}

/** Follows the watcher until it is gone. */
async function follow(account: Account, own: Own): Promise<void> {
  const { client } = account
  let { cursor } = own
  account.relist() // later changes are after the cursor
  while (!client.signal.aborted) {
    const answer = await client.ask('GET', `/watchers/${own.id}?since=${cursor}&wait_seconds=2`)
    if (answer?.status === 404) return
    if (answer?.outcome !== 'acknowledged') {
      await client.think(50)
      continue
    }
    const { body } = answer
    cursor = body.cursor
    if (body.resync === true) account.relist()
    for (const change of body.changes as Change[]) account.apply(change)
  }
}
