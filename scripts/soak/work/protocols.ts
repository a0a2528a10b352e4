// Work over the other doors: MCP in one post each, and an application behind /proxy.

import type { Client } from '../client.ts'

const PAUSE_MS = 200

export async function mcp(client: Client): Promise<void> {
  const calls: readonly (readonly [string, object])[] = [
    ['tools/list', {}],
    ['tools/call', { name: 'file_stat', arguments: { path: client.subject.ground.files } }],
    ['tools/call', { name: 'exec_run', arguments: { command: ['echo', 'over MCP'] } }],
    ['resources/list', {}],
    ['ping', {}],
  ]
  const id = client.random.below(1e9)
  const [method, params] = client.random.pick(calls)
  const { status, bytes } = await client.ask('POST', '/mcp', { jsonrpc: '2.0', id, method, params })
  if (status === 200) client.expect(bytes.includes(`"id":${id}`), `${method}: ${bytes.toString().slice(0, 200)}`)
  await client.think(PAUSE_MS)
}

/** Opens an application on `port` that answers with the path of the request. */
export function proxied(port: number): (client: Client) => Promise<void> {
  return async (client) => {
    const path = `/page/${client.random.below(1e9)}`
    const { status, bytes } = await client.ask('GET', `/proxy/${port}${path}`)
    if (status !== 0 && status !== 503) client.expect(status === 200 && bytes.includes(path), `/proxy: ${status}`)
    await client.think(PAUSE_MS)
  }
}
