// Parts of another architecture: what npm brings is taken only with the hash of package-lock.json.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fetchPackage } from '../../../scripts/build/parts.ts'
import { CACHE } from '../../../scripts/build/paths.ts'

const BYTES = 'an archive'
const integrity = `sha512-${createHash('sha512').update(BYTES).digest('base64')}`

/** An npm that leaves BYTES as the package's archive, and writes down what it was asked. */
function withNpm(directory: string): string {
  const asked = join(directory, 'asked')
  writeFileSync(
    join(directory, 'npm'),
    `#!/bin/sh\necho "$@" >> '${asked}'\nfor last; do :; done\nprintf '${BYTES}' > "$last/x.tgz"\n`,
    { mode: 0o755 },
  )
  return asked
}

t.test('an archive with another hash is refused, one with the right hash kept', async (t) => {
  const directory = t.testdir()
  const asked = withNpm(directory)
  const { PATH } = process.env
  const name = `test-of-the-build-${process.pid}`
  const kept = join(CACHE, `${name}-1.0.0.tgz`)
  process.env['PATH'] = `${directory}:${PATH}`
  t.teardown(() => {
    process.env['PATH'] = PATH
    rmSync(kept, { force: true })
  })
  t.throws(() => fetchPackage(name, '1.0.0', integrity.replace(/.{8}$/, 'AAAAAA==')), /package-lock.json says/)
  t.notOk(existsSync(kept))
  t.equal(fetchPackage(name, '1.0.0', integrity), kept)
  rmSync(asked)
  t.equal(fetchPackage(name, '1.0.0', integrity), kept)
  t.notOk(existsSync(asked), 'it is not fetched twice')
  writeFileSync(kept, 'spoilt')
  t.equal(fetchPackage(name, '1.0.0', integrity), kept)
  t.ok(existsSync(asked), 'what was spoilt is fetched again')
  mkdirSync(CACHE, { recursive: true })
  t.same(
    readdirSync(CACHE).filter((entry) => entry.startsWith('.fetch-')),
    [],
    'nothing is left aside',
  )
})
