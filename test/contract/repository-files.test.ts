// What a hostile repository can hand to the model by itself: nothing but regular files of its own.

import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { callerOf, HS256, type Caller } from './own-ground-doors.ts'

const SECRET = 'secret-outside-of-the-repository'

interface Repository {
  readonly daemon: Daemon
  readonly work: string
  readonly caller: Caller
}

async function openRepository(t: Test, mcp: object, scope?: string): Promise<Repository> {
  const top = mkdtempSync(join(tmpdir(), 'repository-'))
  t.teardown(() => rmSync(top, { recursive: true }))
  const work = join(top, 'work')
  mkdirSync(join(work, 'prompts'), { recursive: true })
  writeFileSync(join(top, 'outside.md'), SECRET)
  writeFileSync(join(top, 'key'), HS256)
  const state = join(work, '.state')
  const config = { jwt: { secret_file: join(top, 'key') }, workdir: work, mcp }
  const daemon = await startDaemon(t, { config, env: { XDG_STATE_HOME: state } })
  mkdirSync(join(state, 'workspace-runtime'), { recursive: true })
  writeFileSync(join(state, 'workspace-runtime/notes.md'), SECRET)
  return { daemon, work, caller: callerOf(daemon, scope) }
}

async function promptsOf(caller: Caller): Promise<string[]> {
  const { text } = await caller.mcp('prompts/list', {})
  const { result } = JSON.parse(text) as { result: { prompts: { name: string }[] } }
  return result.prompts.map(({ name }) => name)
}

async function instructionsOf(caller: Caller): Promise<string> {
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '0' } }
  return (await caller.mcp('initialize', params)).text
}

t.test('of a folder of prompts only its own regular files are prompts', async (t) => {
  const { work, caller } = await openRepository(t, { prompts: 'prompts' })
  const prompts = join(work, 'prompts')
  writeFileSync(join(prompts, 'good.md'), 'Good.')
  writeFileSync(join(work, 'prompts/other.txt'), 'Other.')
  symlinkSync('good.md', join(prompts, 'alias.md'))
  symlinkSync('../../outside.md', join(prompts, 'out.md'))
  symlinkSync('../.state/workspace-runtime/notes.md', join(prompts, 'state.md'))
  linkSync(join(work, '.state/workspace-runtime/notes.md'), join(prompts, 'hard.md'))
  symlinkSync('/proc/self/environ', join(prompts, 'environ.md'))
  symlinkSync('/dev/zero', join(prompts, 'zero.md'))
  symlinkSync('/proc/self/cmdline', join(prompts, 'cmdline.md'))
  execFileSync('mkfifo', [join(prompts, 'fifo.md')])
  writeFileSync(join(prompts, 'long.md'), '')
  truncateSync(join(prompts, 'long.md'), 64 * 1024 + 1)
  t.strictSame(await promptsOf(caller), ['alias', 'good', 'other'])
  for (const name of ['out', 'state', 'hard', 'environ', 'zero', 'fifo']) {
    const { status, text } = await caller.mcp('prompts/get', { name, arguments: {} })
    t.equal(status, 400, name)
    t.notOk(text.includes(SECRET), name)
  }
})

t.test('many lists at once, with a FIFO among the files, keep no file operation waiting', async (t) => {
  const { daemon, work, caller } = await openRepository(t, { prompts: 'prompts' })
  execFileSync('mkfifo', [join(work, 'prompts/f.md')])
  symlinkSync('/dev/zero', join(work, 'prompts/z.md'))
  writeFileSync(join(work, 'prompts/good.md'), 'Good.')
  const lists = Array.from({ length: 32 }, () => promptsOf(caller))
  t.equal(
    (await daemon.call('GET', `/files/read?path=${encodeURIComponent(join(work, 'prompts/good.md'))}`)).status,
    200,
  )
  for (const list of lists) t.strictSame(await list, ['good'])
})

t.test('prompts are for those who may read files', async (t) => {
  const { daemon, work } = await openRepository(t, { prompts: 'prompts' })
  writeFileSync(join(work, 'prompts/good.md'), 'Good.')
  t.strictSame(await promptsOf(callerOf(daemon, 'search')), [])
  t.equal((await callerOf(daemon, 'search').mcp('prompts/get', { name: 'good', arguments: {} })).status, 400)
  t.strictSame(await promptsOf(callerOf(daemon, 'files:read')), ['good'])
})

t.test(
  'a folder that is a link out of the working directory has no prompts, unless the operator names it',
  async (t) => {
    const { work, caller } = await openRepository(t, { prompts: 'linked' })
    const outside = join(work, '../outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'good.md'), 'Good.')
    symlinkSync(outside, join(work, 'linked'))
    t.strictSame(await promptsOf(caller), [])
    rmSync(join(work, 'linked'))
    symlinkSync('prompts', join(work, 'linked'))
    writeFileSync(join(work, 'prompts/within.md'), 'Within.')
    t.strictSame(await promptsOf(caller), ['within'])
  },
)

t.test('AGENTS.md is read where it lies in the working directory, and not what it leads to elsewhere', async (t) => {
  const { work, caller } = await openRepository(t, {})
  const rules = join(work, 'AGENTS.md')
  const become = async (act: () => void): Promise<string> => {
    rmSync(rules, { force: true })
    act()
    return await instructionsOf(caller)
  }
  writeFileSync(join(work, 'CLAUDE.md'), 'be kind to all')
  t.match(await become(() => writeFileSync(rules, 'be kind here')), /be kind here/)
  t.match(await become(() => symlinkSync('CLAUDE.md', rules)), /be kind to all/)
  for (const target of [
    '../outside.md',
    '.state/workspace-runtime/notes.md',
    '/proc/self/root/etc/hostname',
    '/dev/zero',
  ]) {
    const text = await become(() => symlinkSync(target, rules))
    t.notMatch(text, /be kind/, target)
    t.notOk(text.includes(SECRET), target)
  }
  t.notOk((await become(() => linkSync(join(work, '.state/workspace-runtime/notes.md'), rules))).includes(SECRET))
  t.match(await become(() => execFileSync('mkfifo', [rules])), /"result"/)
})

t.test('the operator may name a file anywhere', async (t) => {
  const top = mkdtempSync(join(tmpdir(), 'rules-'))
  t.teardown(() => rmSync(top, { recursive: true }))
  writeFileSync(join(top, 'real.md'), 'rules of the house')
  symlinkSync('real.md', join(top, 'rules.md'))
  const { caller } = await openRepository(t, { instructions: [join(top, 'rules.md')] })
  t.match(await instructionsOf(caller), /rules of the house/)
})
