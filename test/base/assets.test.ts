// Assets as seen from source, and the choice of a place for what is unpacked. What the executable carries is
// tested through the executable itself (test/executable.test.ts).

import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { buildFacts, nativeLibraryPath, openAssets, ripgrepPath, unpackAll } from '../../src/base/assets.ts'

const part = (name: string, text = name) => ({
  name,
  sha256: Buffer.from(name).toString('hex').padEnd(64, '0'),
  bytes: Buffer.byteLength(text),
  read: () => Buffer.from(text),
})

t.test('from source nothing is unpacked: ripgrep is the one in node_modules', async (t) => {
  const directory = join(t.testdir(), 'cache')
  using assets = openAssets({ directory })
  t.same(assets.problems, [])
  t.notOk(existsSync(directory))
  const path = ripgrepPath()
  t.ok(path !== undefined && (statSync(path).mode & 0o111) !== 0, 'executable')
  t.equal(nativeLibraryPath(), undefined, 'koffi finds its own')
})

t.test('the version is the one of package.json', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const facts = buildFacts()
  t.equal(facts.version, version)
  t.equal(facts.node, process.versions.node)
  t.match(facts.ripgrep, /^of @vscode\/ripgrep \d+/)
})

t.test('parts go to the cache; where it cannot be used, to a temporary directory', async (t) => {
  const root = t.testdir({ blocked: 'a file in the way' })
  const good = unpackAll(join(root, 'cache'), [part('one'), part('two')])
  t.equal(good.temporary, undefined)
  t.same(good.problems, [])
  for (const name of ['one', 'two']) t.equal(dirname(good.paths[name] ?? ''), join(root, 'cache'))

  const other = unpackAll(join(root, 'blocked'), [part('one'), part('two')])
  const { temporary = '' } = other
  t.teardown(() => rmSync(temporary, { recursive: true, force: true }))
  t.not(temporary, '')
  t.equal(statSync(temporary).mode & 0o777, 0o700)
  for (const name of ['one', 'two']) t.equal(readFileSync(other.paths[name] ?? '', 'utf8'), name)
})

t.test('a part that fails everywhere is a problem, and the others are there', async (t) => {
  const failing = {
    ...part('bad'),
    read: () => {
      throw new Error('no such asset')
    },
  }
  const { paths, problems, temporary = '' } = unpackAll(join(t.testdir(), 'cache'), [failing, part('good')])
  t.teardown(() => rmSync(temporary, { recursive: true, force: true }))
  t.same(Object.keys(paths), ['good'])
  t.match(problems, [/^bad cannot be unpacked: no such asset; no such asset$/])
})
