// The SDK's whole run once more, against dist/workspace-runtime: the daemon's folder has no node_modules and
// the PATH neither node nor rg.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { pathWithout } from '../support/command.ts'

const bin = mkdtempSync(join(tmpdir(), 'workspace-runtime-path-'))
t.teardown(() => rmSync(bin, { recursive: true, force: true }))
process.env['PATH'] = pathWithout(bin, ['node', 'rg'])
process.env['RUNTIME_UNDER_TEST'] = join(import.meta.dirname, '../../dist/workspace-runtime')
process.env['XDG_CACHE_HOME'] = `${bin}-cache`
t.teardown(() => rmSync(`${bin}-cache`, { recursive: true, force: true }))

// Its tests run as this file's; the variables are read when the modules behind it are loaded.
await import('./sdk.test.ts')
await import('./sdk-live.test.ts')
