// Children of a daemon that differs from a login: a raised score and, where there are control groups, a group of their
// own, from their first instruction (E-11, Z-03).

import { readFileSync } from 'node:fs'
import t from 'tap'
import { canStartInGroup } from '../../src/native/spawn.ts'
import { openChildren } from '../../src/workspace/processes/child.ts'
import { makeDelegatedGroup } from '../support/control-groups.ts'

async function scoresOf(line: string, oomScore: number): Promise<string> {
  await using children = openChildren({ oomScore })
  const child = await children.spawn({
    argv: ['sh', '-c', line],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdin: 'empty',
  })
  let text = ''
  for await (const chunk of child.stdout) text += String(chunk)
  await child.exited
  child.release()
  return text
}

t.test('Z-03 the score is raised from the first instruction, also of what is forked at once', async (t) => {
  const before = readFileSync('/proc/self/oom_score_adj', 'latin1')
  const text = await scoresOf('cat /proc/self/oom_score_adj & (cat /proc/self/oom_score_adj) & wait', 100)
  t.equal(text, '100\n100\n')
  t.equal(readFileSync('/proc/self/oom_score_adj', 'latin1'), before, 'ours is ours again')
})

t.test('a child is born in its control group', async (t) => {
  const group = makeDelegatedGroup(t, 'born')
  if (group === undefined) return void t.pass('needs a capability', { skip: 'no control groups of version 2' })
  if (!canStartInGroup()) return void t.pass('needs a capability', { skip: 'the C library is older than 2.39' })
  await using children = openChildren({ groups: { own: '/nowhere', work: group } })
  const argv = ['grep', '^0::', '/proc/self/cgroup'] as const
  const child = await children.spawn({ argv, cwd: '/', env: { PATH: '/usr/bin:/bin' }, stdin: 'empty' })
  let text = ''
  for await (const chunk of child.stdout) text += String(chunk)
  t.match(text, /-born\n$/)
  await child.exited
  child.release()
})
