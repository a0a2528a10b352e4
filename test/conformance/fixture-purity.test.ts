// The fixture of the public suite holds tools, prompts and resources and nothing of the protocol: what passes
// the suite is the engine that the product has too.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const FOLDER = join(import.meta.dirname, 'server')
/** What code that speaks the protocol or a transport cannot do without. */
const PROTOCOL =
  /jsonrpc|notifications\/|resultType|input_required|inputRe|requestState|requestSchema\b|_meta|-32\d\d\d|protocolVersion|node:(http|net|crypto)|Exchange|Outlet|Speaker|\bera\b|elicitation\/|sampling\/|roots\//
const IMPORTS: readonly string[] = [
  '../../../src/transports/mcp/protocol/asking.ts',
  '../../../src/transports/mcp/protocol/registry.ts',
  'node:timers/promises',
]
/** They compose the server and speak for the fixture. */
const NOT_FIXTURE = ['main.ts', 'plain-registry.ts']

t.test('no protocol code in the fixture', async (t) => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts') && !NOT_FIXTURE.includes(name))
  t.ok(files.length >= 5)
  for (const name of files) {
    const text = readFileSync(join(FOLDER, name), 'utf8')
    // Names of the suite's tools tell of the protocol; they are data.
    const code = text.replaceAll(/(^|\s)\/\/.*$/gm, '$1').replaceAll(/'test_[a-z0-9_]*'/g, "''")
    t.equal(PROTOCOL.exec(code)?.[0], undefined, name)
    const imported = [...code.matchAll(/from '([^']+)'/g)].map(([, from = '']) => from)
    t.same(
      imported.filter((from) => !from.startsWith('./') && !IMPORTS.includes(from)),
      [],
      name,
    )
  }
})
