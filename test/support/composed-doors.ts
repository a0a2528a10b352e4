// The doors of a daemon with operations beside the built-in ones, composed in the process of the test: no release adds
// any yet.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Conditions } from '../../src/base/conditions.ts'
import { openLog } from '../../src/base/log.ts'
import { openDoors } from '../../src/compose.ts'
import { loadConfig, readCommandLine } from '../../src/config/config.ts'
import { openDaemon } from '../../src/daemon.ts'
import { workspaceOptions } from '../../src/settings.ts'
import type { Catalog } from '../../src/shelf.ts'
import { openWorkspace } from '../../src/workspace/workspace.ts'
import { TOKEN } from './daemon.ts'

export interface ComposedDoors {
  readonly url: string
  call(method: string, path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<Response>
}

interface Owner {
  teardown(handler: () => Promise<void>): unknown
}

export async function openComposedDoors(t: Owner, shelves: readonly Catalog[]): Promise<ComposedDoors> {
  const directory = mkdtempSync(join(tmpdir(), 'workspace-runtime-test-'))
  const opened = new AsyncDisposableStack()
  opened.defer(() => rmSync(directory, { recursive: true, force: true }))
  t.teardown(() => opened.disposeAsync())
  const state = join(directory, 'state')
  const flags = ['--host', '127.0.0.1', '--port', '0', '--workdir', directory]
  const config = {
    ...loadConfig(readCommandLine(flags)),
    stateDirectory: state,
    cacheDirectory: join(directory, 'cache'),
  }
  const log = openLog('silent')
  const workspace = opened.use(await openWorkspace({ ...workspaceOptions(config), groups: undefined }))
  const daemon = opened.use(
    openDaemon({ stateDirectory: state, limits: {}, conditions: new Conditions(log), logLinesDropped: () => 0 }),
  )
  const parts = { workspace, daemon, token: TOKEN, listener: undefined, log, shelves }
  const { front } = opened.use(await openDoors(config, parts))
  const url = `http://127.0.0.1:${front.address.port}`
  return {
    url,
    call: (method, path, body, headers) =>
      fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
  }
}
