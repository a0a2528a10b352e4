// Desktop Commander over MCP stdio, with a fresh home, its telemetry off and every path allowed. A search is a session
// there: the peer is asked for more until it says that the search is complete.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { timed } from '../figure.ts'
import { RIPGREP } from '../subject.ts'
import { openStdioServer, type StdioServer } from './mcp-stdio.ts'
import { expect, occurrences, type Peer } from './peer.ts'

const PACKAGE = '@wonderwhy-er/desktop-commander'
const CONFIG = { telemetryEnabled: false, allowedDirectories: ['/'] }
/** Milliseconds between two questions if a search has ended. */
const PAUSE_MS = 5

export const desktopCommander: Peer = {
  name: PACKAGE,
  packages: [PACKAGE],
  async open({ tree, file, named, scratch, installed }) {
    if (installed === undefined) return undefined
    const server = await openStdioServer(
      [process.execPath, `${installed}/node_modules/${PACKAGE}/dist/index.js`, '--no-onboarding'],
      environment(scratch),
    )
    const tool = (name: string, args: object, sign: string) => () =>
      timed(async () => {
        const text = await server.call(name, args)
        expect(text.includes(sign), text.slice(0, 200))
      })
    const search = (args: object, sign: string, count: number) => () =>
      timed(async () => {
        const found = occurrences(await searched(server, { path: tree.path, maxResults: 1000, ...args }), sign)
        expect(found >= count, `found ${found} of ${count}`)
      })
    return {
      startMs: server.startMs,
      acts: {
        exec: tool('start_process', { command: '/bin/true', timeout_ms: 5000, shell: '/bin/sh' }, 'started'),
        stat: tool('get_file_info', { path: file }, 'size'),
        read: tool('read_file', { path: file }, 'export const'),
        names: search({ pattern: 'file9999', searchType: 'files' }, '/file9999', named),
        search: search({ pattern: 'rare_needle', searchType: 'content', literalSearch: true }, '- rare_needle', 20),
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
}

/** Returns the variables that switch its network use off; no act waits for the network. */
function environment(scratch: string): NodeJS.ProcessEnv {
  const home = join(scratch, 'desktop-commander')
  mkdirSync(join(home, '.claude-server-commander'), { recursive: true })
  writeFileSync(join(home, '.claude-server-commander/config.json'), JSON.stringify(CONFIG))
  return {
    HOME: home,
    DESKTOP_COMMANDER_DISABLE_TELEMETRY: '1',
    DC_FLAG_URL: 'http://127.0.0.1:9/',
    PATH: `${process.env['PATH'] ?? ''}:${join(RIPGREP, '..')}`,
  }
}

async function searched(server: StdioServer, args: object): Promise<string> {
  const first = await server.call('start_search', args)
  const sessionId = /session: (\S+)/.exec(first)?.[1] ?? ''
  expect(sessionId !== '', first.slice(0, 200))
  for (;;) {
    const text = await server.call('get_more_search_results', { sessionId, offset: 0, length: 1000 })
    if (!/IN PROGRESS|RUNNING/.test(text)) return text
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}
