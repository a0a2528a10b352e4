// Work with long-lived things: terminals that are typed into over /ws, watchers that are asked for changes, and sockets
// that connect, read and are cut.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '../client.ts'

const PAUSE_MS = 300
/** Longest time for an echo, or a change. */
const ECHO_MS = 20_000

export async function terminal(client: Client): Promise<void> {
  const { status, body } = await client.make('POST', '/terminals', { command: ['sh'] })
  if (status !== 201) return await client.think(PAUSE_MS)
  let text = ''
  const socket = await client.socket((message, binary) => {
    if (binary && message[0] === Number(body.id)) text += message.subarray(1).toString('latin1')
  })
  const number = client.random.below(1_000_000)
  await client.make('POST', `/terminals/${body.id}/input`, Buffer.from(`expr ${number} + 1; seq 2000\n`))
  const echoed = await soon(() => text.includes(`${number + 1}\r`) && text.includes('\n2000\r'))
  if (socket !== undefined)
    client.expect(echoed, `terminal ${body.id} has shown ${text.length} characters, not ${number + 1}`)
  await client.ask('POST', `/terminals/${body.id}/resize`, { cols: 40 + client.random.below(100), rows: 30 })
  socket?.terminate()
  await client.think(PAUSE_MS)
  await client.make('DELETE', `/terminals/${body.id}`)
}

export async function watch(client: Client): Promise<void> {
  const root = client.subject.ground.files
  const { status, body } = await client.make('POST', '/watchers', { path: root, excludes: ['*~'] })
  if (status !== 201) return await client.think(PAUSE_MS)
  const name = `watched-${client.random.below(1_000_000)}`
  const path = join(root, name)
  if (written(path)) {
    let { cursor } = body
    let told = false
    const until = performance.now() + ECHO_MS
    while (!told && performance.now() < until && !client.signal.aborted) {
      const changes = await client.make('GET', `/watchers/${body.id}?since=${cursor}&wait_seconds=2`)
      if (changes.status !== 200) break
      told = changes.body.resync === true || changes.bytes.includes(name)
      cursor = changes.body.cursor
    }
    client.expect(told || client.signal.aborted, `watcher ${body.id} has not told of ${name}`)
    await client.make('POST', '/files/delete', { path })
  }
  await client.think(PAUSE_MS)
  await client.make('DELETE', `/watchers/${body.id}`)
}

/** Writes the file; false if the disk is full. */
function written(path: string): boolean {
  try {
    writeFileSync(path, 'x')
    return true
  } catch {
    return false
  }
}

export async function visit(client: Client): Promise<void> {
  const socket = await client.socket(() => undefined)
  socket?.send(JSON.stringify({ channel: 'terminal', type: 'input', id: '200', data: 'nobody' }))
  await client.think(PAUSE_MS)
  if (client.random.below(2) === 0) socket?.terminate()
  else socket?.close()
}

async function soon(condition: () => boolean): Promise<boolean> {
  const until = performance.now() + ECHO_MS
  while (!condition() && performance.now() < until) await pause(20)
  return condition()
}
