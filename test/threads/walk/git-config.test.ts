// git's configuration as git reads it, and which file of excludes it names. Each case is asked of git too.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { excludesFile, parseConfig } from '../../../src/threads/walk/git-config.ts'

const base = mkdtempSync(join(tmpdir(), 'git-config-'))
t.teardown(() => rmSync(base, { recursive: true, force: true }))
const home = join(base, 'home')
const repository = join(base, 'w', 'repo')

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const git = (...args: string[]) =>
  execFileSync('git', ['-C', repository, ...args], { env: { PATH: process.env['PATH'], HOME: home }, stdio: ['ignore', 'pipe', 'ignore'] }) // prettier-ignore
    .toString()
    .replace(/\n$/, '')

function ours(root: string | undefined): string | undefined {
  const reading = excludesFile({ home, configHome: undefined }, root)
  let step = reading.next()
  while (step.done !== true) {
    let text = ''
    try {
      text = readFileSync(step.value, 'utf8')
    } catch {
      // It is not there.
    }
    step = reading.next(text)
  }
  return step.value
}

/** What git says of the value, `~/` put in. */
function byGit(): string | undefined {
  try {
    return git('config', '--type=path', '--get', 'core.excludesFile')
  } catch {
    return undefined
  }
}

const CASES = [
  '[core]\n\texcludesFile = ~/gi',
  '[core]\n\texcludesfile = ~/gi # mine',
  '[core]\n\texcludesfile = ~/gi;mine',
  '[core] excludesfile = ~/gi',
  '[core]excludesfile=~/gi',
  '[CORE]\nEXCLUDESFILE = ~/gi',
  '[core]\nexcludesfile = ~/g\\\ni',
  '[core]\nexcludesfile = "~/g\\"i"',
  '[core]\nexcludesfile = "~/g # i" # mine',
  '[core]\nexcludesfile = ~/my" "rules   ',
  '[core]\nexcludesfile = ~/my rules',
  '[core]\r\nexcludesfile = ~/gi\r\n',
  '[core]\nexcludesfile = /first\nexcludesfile = /last',
  '[core]\nexcludesfile = /first\n[core]\nexcludesfile = /last',
  '[core "x"]\nexcludesfile = /sub',
  '[core.x]\nexcludesfile = /sub',
  '[user]\nname = x # [core]\n[core]\nexcludesfile = /a',
  '[user]\nexcludesfile = /a',
  '# [core]\n;[core]\n[core]\n# excludesfile = /b\nexcludesfile = /a',
  '\uFEFF[core]\nexcludesfile = /a',
  '[include]\npath = ~/more\n[core]\nexcludesfile = /a',
  '[core]\nexcludesfile = /a\n[include]\npath = ~/more',
  '[include]\npath = ../home/more',
  '[include] path = more',
  '[include]\npath = nowhere',
  '[includeIf "gitdir:~/"]\npath = more',
  '[includeIf "gitdir:w/"]\npath = more',
  '[includeIf "gitdir:**/repo/.git"]\npath = more',
  '[includeIf "gitdir:/nowhere/"]\npath = more',
  '[includeIf "gitdir/i:W/"]\npath = more',
  '[core]\nexcludesfile = "~/\\tx"',
  '[core]\nexcludesfile = a\\\\b',
  '[a]\nb\n[core]\nexcludesfile = /a',
  '[core]\n\tbare = false\n\texcludesfile = ~/gi\n[alias]\n\tx = "!f() { echo \\"a\\"; }; f"',
] as const

t.test('the value is the one that git reads', async (t) => {
  put(join(home, 'more'), '[core]\nexcludesfile = /more\n')
  mkdirSync(repository, { recursive: true })
  execFileSync('git', ['init', '-q', repository])
  for (const config of CASES) {
    put(join(home, '.gitconfig'), config)
    const expected = byGit() ?? join(home, '.config/git/ignore')
    const path = ours(repository)
    t.equal(path, expected.startsWith('/') ? expected : join(repository, expected), JSON.stringify(config))
  }
})

t.test('files that include each other end', async (t) => {
  put(join(home, '.gitconfig'), '[include]\npath = a\n[core]\nexcludesfile = /end\n')
  put(join(home, 'a'), '[include]\npath = b\n[include]\npath = b\n')
  put(join(home, 'b'), '[include]\npath = a\n[include]\npath = a\n')
  t.type(ours(repository), 'string')
})

t.test('the repository beats the user, the worktree the repository; outside there is the user', async (t) => {
  put(join(home, '.gitconfig'), '[core]\nexcludesfile = /user\n')
  put(join(home, '.config/git/config'), '[core]\nexcludesfile = /xdg\n')
  t.equal(ours(repository), '/user')
  t.equal(ours(undefined), '/user')
  git('config', 'core.excludesFile', '.shared')
  t.equal(ours(repository), join(repository, '.shared'))
  git('-c', 'user.name=x', '-c', 'user.email=x@y', 'commit', '-q', '--allow-empty', '-m', 'x')
  git('worktree', 'add', '-q', join(base, 'w/tree'))
  t.equal(ours(join(base, 'w/tree')), join(base, 'w/tree/.shared'))
  git('config', 'extensions.worktreeConfig', 'true')
  execFileSync('git', ['-C', join(base, 'w/tree'), 'config', '--worktree', 'core.excludesFile', '/tree'])
  t.equal(ours(join(base, 'w/tree')), '/tree')
  t.equal(ours(repository), join(repository, '.shared'))
  git('config', 'core.excludesFile', '')
  t.equal(ours(repository), undefined, 'set to nothing')
})

t.test('settings up to the first thing that git would refuse', async (t) => {
  const plain = (text: string) =>
    parseConfig(text).map(({ section, subsection, key, value }) => [section, subsection, key, value])
  t.strictSame(plain('[a "B\\"c"]\nK-1 = v w  \n k2\n[d.E]x=1'), [
    ['a', 'B"c', 'k-1', 'v w'],
    ['a', 'B"c', 'k2', undefined],
    ['d', 'e', 'x', '1'],
  ])
  for (const bad of ['x = 1', '[a\nb = 1', '[a]\nb = "open\n', '[a]\nb = \\q', '[a]\n1 = 2'])
    t.strictSame(plain(bad), [])
})
