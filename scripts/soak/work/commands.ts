// Work with commands: short ones with a known answer, ones with much output, ones that run on in the background with
// children and are deleted later, and streams that are read for a while.

import type { Client } from '../client.ts'

const PAUSE_MS = 150

export async function run(client: Client): Promise<void> {
  const code = client.random.below(126)
  const { status, body } = await client.ask('POST', '/exec', { command: ['sh', '-c', `echo said; exit ${code}`] })
  if (status === 200) client.expect(body.exit_code === code && body.stdout === 'said\n', JSON.stringify(body))
  await client.think(PAUSE_MS)
}

export async function print(client: Client): Promise<void> {
  const bytes = 1 + client.random.below(512 * 1024)
  const command = ['sh', '-c', `head -c ${bytes} /dev/zero | tr '\\0' x`]
  const { status, body } = await client.ask('POST', '/exec', { command })
  if (status === 200) client.expect(body.stdout.length === bytes, `${bytes} bytes printed, ${body.stdout.length} came`)
  await client.think(4 * PAUSE_MS)
}

export async function expire(client: Client): Promise<void> {
  const command = ['sh', '-c', 'sleep 300 & sleep 300']
  const { status, body } = await client.ask('POST', '/exec', { command, timeout_seconds: 1 })
  if (status === 200) client.expect(body.timed_out === true, JSON.stringify(body))
  await client.think(10 * PAUSE_MS)
}

export async function background(client: Client): Promise<void> {
  const command = ['sh', '-c', 'sleep 300 & while :; do echo line; sleep 0.2; done']
  const { status, body } = await client.make('POST', '/exec', { command, background: true })
  if (status !== 200) return await client.think(PAUSE_MS)
  await client.think(5 * PAUSE_MS)
  const looked = await client.ask('GET', `/exec/${body.id}?wait_seconds=1`)
  if (looked.status !== 0) client.expect(looked.body.status === 'running', `${body.id}: ${looked.bytes.toString()}`)
  await client.make('DELETE', `/exec/${body.id}`)
}

export async function stream(client: Client): Promise<void> {
  const command = ['sh', '-c', 'i=0; while [ $i -lt 20 ]; do echo $i; i=$((i+1)); sleep 0.02; done']
  const { status, bytes } = await client.ask('POST', '/exec/stream', { command })
  if (status === 200) client.expect(/^event: exit$/m.test(bytes.toString()), 'a stream without an exit')
  await client.think(4 * PAUSE_MS)
}
