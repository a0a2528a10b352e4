// The commands once more as dist/workspace-runtime, with neither node nor rg in the PATH.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { pathWithout } from '../support/command.ts'

const bin = mkdtempSync(join(tmpdir(), 'workspace-runtime-path-'))
t.teardown(() => rmSync(bin, { recursive: true, force: true }))
process.env['PATH'] = pathWithout(bin, ['node', 'rg'])
process.env['RUNTIME_UNDER_TEST'] = join(import.meta.dirname, '../../dist/workspace-runtime')

// Its tests run as this file's; the variables are read when the modules behind it are loaded.
await import('./connect.test.ts')
await import('./stdio.test.ts')
await import('./token.test.ts')
