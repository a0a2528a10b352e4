// Listings and both searches tell a credential with limited scopes the same as a full one of the files that are not
// withheld, with names of any bytes and for every source of ignore rules.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { callerOf, HS256 } from './own-ground-doors.ts'

/** Latin-1, and no UTF-8: "é" is one byte. */
const LATIN = Buffer.from('caf\xe9', 'latin1')

const q = encodeURIComponent

function bytesBelow(top: string, ...names: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(top), ...names.flatMap((name) => [Buffer.from('/'), name])])
}

/** Names of bytes, rules that git reads otherwise than ripgrep (a link, the excludes of the configuration). */
async function openTree(t: Test): Promise<string> {
  const top = t.testdir({
    rules: 'ignored\n',
    plain: { 'a.txt': 'needle', sub: { 'b.txt': 'needle' } },
    linked: { 'a.txt': 'needle', ignored: 'needle' },
    excluded: {
      '.git': { HEAD: 'ref: refs/heads/main\n', config: '[core]\n\texcludesFile = ../../rules\n' },
      'a.txt': 'needle',
      ignored: 'needle',
      sub: { deep: { 'c.txt': 'needle' } },
    },
    bytes: { 'a.txt': 'needle', '\uFFFD.txt': 'needle' },
  })
  await writeFile(join(top, 'excluded/.git/config'), `[core]\n\texcludesFile = ${join(top, 'rules')}\n`)
  await symlink('../rules', join(top, 'linked/.gitignore'))
  const bytes = join(top, 'bytes')
  await mkdir(bytesBelow(bytes, LATIN))
  await writeFile(bytesBelow(bytes, LATIN, Buffer.from('in.txt')), 'needle')
  await writeFile(bytesBelow(bytes, LATIN, LATIN), 'needle')
  await symlink(join(top, 'rules'), join(bytes, '.gitignore'))
  return top
}

t.test('listing and searching answer a narrow credential as they answer a full one', async (t) => {
  const top = await openTree(t)
  const secret = join(await mkdtemp(join(tmpdir(), 'workspace-runtime-test-')), 'secret')
  t.teardown(() => rm(dirname(secret), { recursive: true }))
  await writeFile(secret, HS256)
  const daemon = await startDaemon(t, { config: { jwt: { secret_file: secret } }, cwd: top })
  const full = callerOf(daemon, undefined)
  const narrow = callerOf(daemon, 'files:read search')
  const asked = ['plain', 'linked', 'excluded', 'excluded/sub', 'bytes', '.'].flatMap((name) =>
    [
      '/files/search?q=needle',
      '/files/search?q=needle&include_hidden=true&no_gitignore=true',
      '/files/search?q=needle&file_types=txt',
      '/files/search/files?q=t',
      '/files/search/files?q=/',
      '/files?nested=true&include_hash=true&include_content=true',
      '/files?nested=true&flatten=true&use_gitignore=true',
    ].map((door) => `${door}&path=${q(join(top, name))}`),
  )
  let found = 0
  for (const door of asked) {
    const [one, other] = await Promise.all([full.rest('GET', door), narrow.rest('GET', door)])
    t.equal(one.status, 200, door)
    t.strictSame(sorted(other.text), sorted(one.text), door)
    found += one.text.split('a.txt').length - 1
  }
  t.ok(found > 20, 'something was found')
})

/** Matches come in the order in which ripgrep's threads find them. */
function sorted(text: string): unknown {
  const { matches, results, ...rest } = JSON.parse(text) as Record<string, unknown>
  const byText = (list: unknown): unknown =>
    Array.isArray(list) ? list.map((one) => JSON.stringify(one)).toSorted() : undefined
  return { ...rest, matches: byText(matches), results: byText(Object.entries((results as object | undefined) ?? {})) }
}
