// What is ignored has one answer: git's. Random rule files in a tree, and every way of looking at it (the listing,
// the search of names, the search of contents) tells the files that git tells.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { seeded, type Random } from '../support/random.ts'

t.setTimeout(240_000)

const ROUNDS = Number(process.env['IGNORED_ROUNDS'] ?? 12)
const seed = Number(process.env['IGNORED_SEED'] ?? Date.now() % 1e9)

const DIRECTORIES = ['', 'a', 'a/b', 'a/b/c', 'build', 'doc', 'a/build', '[x]', 'a b', '.dot', 'ß']
const NAMES = ['main.py', 'a.md', 'a.txt', 'B.md', 'x.o', 'keep.o', 'file', 'foo', 'foo ', 'foo\t', '{a}', 'a{b}c', 'ab', 'a', 'Icon\r', '#a', '!b', 'é.js', '\\x', 'z-a', 'd.txt', '.e'] // prettier-ignore

/** Lines that git and ripgrep read alike. */
const ALIKE = [
  '*.o', '!keep.o', '/build', 'build/', '*.md', 'a/*.txt', '**/d.txt', 'doc/**', 'a/**/c', 'foo', '# comment', '', 'file   ', '*', '!*/', '!*.py', '.*', '!.gitignore', '[ab].md', '?', '??', 'é.js', '??.js', '!a/b',
] // prettier-ignore

/** And lines that they do not. */
const LINES = [
  ...ALIKE,
  '*.py{}', '*.{md,txt}', '{a}', '[[:upper:]].md', '[[:alpha:]].md', '![[:alpha:]].md', '[z-a].js', '[!a].md', '[^a]*', '***/d.txt', 'a**', '**a', '**.o', 'foo\t', 'foo\f', 'foo\\ ', 'foo\\\\ ', '\\#a', '\\!b', '\\*', 'a\\', '\\x', '\\\\x', '[a', 'a]', '//a', './a', 'a//b', 'a/../foo', '/', '!', '!!b', 'Icon\r\r', 'Icon[\r]', '[[]x]', '[]x]', '[x-]', '*[.]o', '{', '}', '!{a}', 'a{b,c}', 'a b/', ' foo', 'ß/', '[ß]', '**/', '**/**/foo', '/**/foo', '/*', '*/', '/*/', 'foo/**/', '\uFEFF*.o', '[a-', '[\\]]', '[[:nope:]]', '[[:constructor:]]', '[[:toString:]x]', '[[.a.]]', '+(a|b)', '@(a)', '~', '$x', 'a/b/', '!a/b/c', 'x.o\0.md',
] // prettier-ignore

function someLines(random: Random, pool: readonly string[]): string {
  const lines = Array.from({ length: 1 + random.below(4) }, () => random.pick(pool))
  return `${random.below(12) === 0 ? '\uFEFF' : ''}${lines.join(random.below(6) === 0 ? '\r\n' : '\n')}\n# needle\n`
}

function put(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

interface Ground {
  readonly home: string
  readonly root: string
}

function plant({ home, root }: Ground, random: Random): void {
  const pool = random.below(2) === 0 ? ALIKE : LINES
  rmSync(root, { recursive: true, force: true })
  rmSync(home, { recursive: true, force: true })
  mkdirSync(root)
  mkdirSync(home)
  execFileSync('git', ['init', '-q', root], { env: { ...process.env, HOME: home } })
  for (const directory of DIRECTORIES) {
    for (const name of NAMES)
      if (!DIRECTORIES.includes(join(directory, name)) && random.below(3) > 0)
        put(root, join(directory, name), 'needle\n')
    if (random.below(directory === '' ? 1 : 5) === 0) put(root, join(directory, '.gitignore'), someLines(random, pool))
  }
  if (random.below(4) === 0) {
    put(root, 'rules', someLines(random, pool))
    rmSync(join(root, 'doc/.gitignore'), { force: true })
    symlinkSync('../rules', join(root, 'doc/.gitignore'))
  }
  if (random.below(2) === 0) put(root, '.git/info/exclude', someLines(random, pool))
  if (random.below(3) === 0) put(home, '.config/git/ignore', someLines(random, pool))
}

function byGit({ home, root }: Ground, below: string): string[] {
  const argv = [
    '-C',
    join(root, below),
    '-c',
    'core.quotePath=false',
    'ls-files',
    '--others',
    '--exclude-standard',
    '-z',
  ]
  const listed = execFileSync('git', argv, {
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: '' },
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString()
  return listed
    .split('\0')
    .filter((path) => path !== '')
    .toSorted()
}

function isIgnored({ home, root }: Ground, path: string): boolean {
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: '' }
  return spawnSync('git', ['-C', root, 'check-ignore', '-q', path], { env }).status === 0
}

async function everyWay(daemon: Daemon, path: string, more = '') {
  const at = `path=${encodeURIComponent(path)}${more}`
  const [listing, names, contents] = await Promise.all([
    daemon.call('GET', `/files?${at}&nested=true&flatten=true`),
    daemon.call('GET', `/files/search/files?${at}&q=e&include_hidden=true&max_results=10000`),
    daemon.call('GET', `/files/search?${at}&q=needle&include_hidden=true&max_results=10000`),
  ])
  const entries = listing.body.entries as { path: string; type: string }[]
  return {
    listing: entries
      .filter(({ type }) => type === 'file')
      .map((entry) => entry.path.slice(path.length + 1))
      .toSorted(),
    names: (names.body.files as string[]).toSorted(),
    contents: Object.keys(contents.body.results as object).toSorted(),
  }
}

async function openGround(t: Test): Promise<Ground & { daemon: Daemon }> {
  const base = mkdtempSync(join(tmpdir(), 'ignored-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const home = join(base, 'home')
  const daemon = await startDaemon(t, { env: { HOME: home, XDG_CONFIG_HOME: '' } })
  return { daemon, home, root: join(base, 'tree') }
}

t.test('random rules: git, the listing and both searches name the same files', async (t) => {
  const { daemon, ...ground } = await openGround(t)
  for (let round = 0; round < ROUNDS; round++) {
    const random = seeded(seed + round)
    plant(ground, random)
    // Below a start that is ignored itself everything is shown, which git does not.
    const below = random.below(3) === 0 && !isIgnored(ground, 'a') ? 'a' : ''
    const git = byGit(ground, below)
    const told = await everyWay(daemon, join(ground.root, below))
    // Rule files are text or not, links or not: of them only what they say is looked at.
    const counts = (path: string) => !path.endsWith('.gitignore') && path !== 'rules'
    const files = git.filter(counts)
    const same =
      t.strictSame(told.listing.filter(counts), files, `seed ${seed} + ${round}: listing`) &&
      t.strictSame(told.contents.filter(counts), files, `seed ${seed} + ${round}: contents`) &&
      t.strictSame(
        told.names.filter(counts),
        files.filter((path) => path.includes('e')),
        `seed ${seed} + ${round}: names`,
      )
    if (!same) return
  }
})
