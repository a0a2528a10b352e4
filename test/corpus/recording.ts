// The whole corpus, asked of two daemons that live for it: one as it comes, one with every toolset and small limits.
// Values that differ from run to run are masked here, at the end.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { closedPort, openApplication } from '../support/application.ts'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { HS256 } from '../support/jwt.ts'
import { layOut, runScenarios, type Exchanges, type World } from './doors.ts'
import { recordAccess } from './exchanges/access.ts'
import { FILES, SEARCH } from './exchanges/files.ts'
import { ARCHIVES, PROXY, RUNTIME } from './exchanges/outside.ts'
import { recordProtocol } from './exchanges/protocol.ts'
import { EXEC, TERMINALS, WATCHERS } from './exchanges/running.ts'
import { recordSockets } from './exchanges/sockets.ts'
import { maskWith } from './masks.ts'
import type { Recording } from './snapshot.ts'

export interface Owner {
  teardown(handler: () => void | Promise<void>): unknown
}

const ALL_SETS = ['default', 'files', 'search', 'exec', 'terminal', 'watch']

export async function record(owner: Owner, place: string): Promise<Recording> {
  const world = await openWorld(owner, place)
  const scenarios = {
    files: FILES,
    search: SEARCH,
    exec: EXEC,
    terminals: TERMINALS,
    watchers: WATCHERS,
    archives: ARCHIVES,
    proxy: PROXY,
    runtime: RUNTIME,
  }
  const recorded: Record<string, Exchanges> = {}
  for (const [area, list] of Object.entries(scenarios)) recorded[area] = await runScenarios(world, list)
  recorded['protocol'] = await recordProtocol(world)
  recorded['sockets'] = await recordSockets(world, owner)
  recorded['access'] = await recordAccess(world)
  const { app = '', teller = '', closed = '' } = world.vars
  const mask = maskWith({
    [world.folder]: '<dir>',
    [world.folder.slice(1)]: '<dir without its slash>',
    [place]: '<place>',
    [world.plain.directory]: '<daemon>',
    [world.wide.directory]: '<wide>',
    [TOKEN]: '<token>',
    [String(world.plain.port)]: '<port>',
    [String(world.wide.port)]: '<wide port>',
    [app]: '<application>',
    [teller]: '<application>',
    [closed]: '<closed port>',
  })
  return mask(recorded) as Recording
}

async function openWorld(owner: Owner, place: string): Promise<World> {
  const folder = join(place, 'tree')
  mkdirSync(folder, { recursive: true })
  const secret = join(place, 'secret')
  writeFileSync(secret, HS256, { mode: 0o600 })
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin' } // sentences name it
  const limits = { execs: 1, terminals: 1, watchers: 1, failed_auth: 1 }
  const wide = await startDaemon(owner, { config: { toolsets: ALL_SETS, limits }, cwd: place, env })
  const closed = await closedPort()
  const targets = { other: { url: wide.url, token: TOKEN }, gone: { url: `http://127.0.0.1:${closed}`, token: TOKEN } }
  const config = {
    jwt: { secret_file: secret, audience: undefined },
    cors: { origins: ['https://ide.example'] },
    limits: { body_bytes: 65_536, failed_auth: 10_000 },
    mcp: { prompts: join(folder, 'prompts') },
    targets,
  }
  const plain = await startDaemon(owner, { config, cwd: place, env })
  const app = await openApplication(owner)
  const teller = await openApplication(owner, {
    upgrade: (_, socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'),
    request: (_, response) =>
      response.writeHead(302, { location: '/next', 'set-cookie': 'a=b', 'x-frame-options': 'DENY' }).end('moved'),
  })
  layOut(folder)
  const ports = { app: app.port, teller: teller.port, closed, self: plain.port }
  const vars = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]))
  return { plain, wide, folder, vars: { dir: folder, ...vars } }
}
