// What is said of a path that does not exist.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { faultOfPath } from '../../../../src/workspace/files/opening/missing-path.ts'

async function sentence(path: string): Promise<string> {
  const error = await stat(path).catch((reason: unknown) => faultOfPath(reason, path))
  return error instanceof Error ? error.message : 'it exists'
}

t.test('the nearest name, the last directory, or where a link leads', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'missing-')) // short: sentences cut long paths
  t.teardown(() => rmSync(directory, { recursive: true }))
  writeFileSync(`${directory}/present`, '')
  mkdirSync(`${directory}/below`)
  symlinkSync('nowhere', `${directory}/link`)
  t.match(await sentence(`${directory}/presnt`), `does not exist. Did you mean "${directory}/present"?`)
  t.match(await sentence(`${directory}/below/a/b`), `"${directory}/below" is the last directory on the way that exists`)
  t.match(await sentence(`${directory}/link`), 'is a symbolic link to "nowhere", which does not exist')
  t.notMatch(await sentence(`${directory}/link`), 'Did you mean', 'not the very path that was asked for')
})
