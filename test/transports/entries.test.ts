// The table of the paths that are no routes of the catalogue (protocol.md#conventions): which path belongs to which
// entry, and what the door makes of it.

import t from 'tap'
import { entryOf, speaksMcp } from '../../src/transports/entries.ts'
import { startDaemon, TOKEN } from '../support/daemon.ts'

t.test('a path and its entry', async (t) => {
  const rows: readonly [string | undefined, ...string[]][] = [
    ['/proxy', '/proxy', '/proxy/', '/proxy/x', '/proxy//', '/proxy/mcp', '/runtimes/local/proxy', '/runtimes/far/proxy/3000/', '/runtimes//proxy'], // prettier-ignore
    ['/mcp', '/mcp', '/runtimes/local/mcp', '/runtimes/far/mcp'],
    ['/ws', '/ws', '/runtimes/local/ws'],
    ['/desktop', '/desktop', '/desktop/ws', '/desktop/sessions/1/start', '/runtimes/local/desktop'],
    [undefined, '/', '', '*', '/files', '/runtimes', '/runtimes/local', '/proxyx', '/x/proxy', '//proxy', '/%70roxy', '/Proxy', '/runtimes/proxy', '/runtimes/a/b/proxy', '/runtimes/a/runtimes/b/proxy', '/mcp/x', '/mcps', '/ws/x', '/x/mcp', 'localhost:80'], // prettier-ignore
  ]
  for (const [entry, ...paths] of rows) for (const path of paths) t.equal(entryOf(path).path, entry, path)
  t.ok(speaksMcp('/mcp') && speaksMcp('/runtimes/far/mcp') && speaksMcp('/proxy/3000/mcp'))
  t.notOk(speaksMcp('/files') || speaksMcp('/mcp/x'))
})

t.test('pages of a foreign origin may read, but neither change anything nor use /mcp', async (t) => {
  const daemon = await startDaemon(t)
  const headers = { authorization: `Bearer ${TOKEN}`, origin: 'https://evil.example' }
  const ask = async (line: string): Promise<number> => {
    const [method = '', path = ''] = line.split(' ')
    return (await daemon.call(method, path, undefined, headers)).status
  }
  t.equal(await ask('GET /files'), 200)
  for (const prefix of ['', '/runtimes/local']) {
    for (const line of ['GET /mcp', 'POST /mcp', 'DELETE /files/delete', 'PUT /nothing']) {
      const [method, path] = line.split(' ')
      t.equal(await ask(`${method} ${prefix}${path}`), 403, `${line} ${prefix}`)
    }
  }
  t.equal(await ask('GET /proxy/1/'), 502, 'an application judges for itself')
  t.equal(await ask('GET /ws'), 426, 'no socket is opened')
})
