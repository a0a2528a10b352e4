// Each form of a command (protocol.md#exec), one by one.

import t from 'tap'
import { planCommand, splitWords } from '../../../src/workspace/exec/command-plan.ts'
import { shellScript } from '../../../src/workspace/exec/shell-words.ts'

const argv = (words: string[], mode: string) => planCommand(words, mode).argv

t.test('two words or more run as they are in auto, direct, foreground and unknown modes', async (t) => {
  const script = ['bash', '-lc', 'cd /tmp; a | b && c > "d e"']
  for (const mode of ['auto', 'direct', 'foreground', 'background', 'whatever', ''])
    t.same(argv(script, mode), script, mode)
  t.same(argv(['echo', '*', '$HOME'], 'auto'), ['echo', '*', '$HOME'])
})

t.test('one word: a line for the shell in auto, split in direct, itself when plain', async (t) => {
  t.same(argv(['ls -la | wc'], 'auto'), ['/bin/sh', '-c', 'ls -la | wc'])
  t.same(argv(['ls -la'], 'foreground'), ['/bin/sh', '-c', 'ls -la'])
  t.same(argv(['ls -la "a b"'], 'direct'), ['ls', '-la', 'a b'])
  for (const mode of ['auto', 'direct', 'foreground', 'other']) t.same(argv(['/usr/bin/true'], mode), ['/usr/bin/true'])
  for (const line of ['a;b', 'a&&b', '$X', '`x`', 'A=1', '~/x', 'a*', 'a>b', '{a,b}', '!x']) {
    t.same(argv([line], 'auto'), ['/bin/sh', '-c', line])
  }
})

t.test('shell joins, except where argv is a shell with its script', async (t) => {
  t.same(argv(['echo', 'a;', 'echo', 'b'], 'shell'), ['/bin/sh', '-c', 'echo a; echo b'])
  t.same(argv(['echo hi'], 'shell'), ['/bin/sh', '-c', 'echo hi'])
  t.same(argv(['bash', '-lc', 'echo a; echo b'], 'shell'), ['bash', '-lc', 'echo a; echo b'])
  t.same(argv(['bash', 'script.sh'], 'shell'), ['/bin/sh', '-c', 'bash script.sh'])
})

t.test(
  'a shell with its script behind wrappers runs as it is, or its first word alone would be the script',
  async (t) => {
    const script = ['bash', '-eo', 'pipefail', '-c', 'echo two; exit 3']
    for (const before of [['env', 'A=1'], ['timeout', '-k', '1', '5'], ['nice', '-n', '5', 'env', '-i'], ['nohup']])
      t.same(argv([...before, ...script], 'shell'), [...before, ...script], before.join(' '))
    t.same(argv(['cd', '/', '&&', 'ls'], 'shell'), ['/bin/sh', '-c', 'cd / && ls'], 'others are joined')
  },
)

t.test('a script behind wrappers is known as one', async (t) => {
  const plan = (line: string) => planCommand(line.split(' '), 'auto')
  t.match(plan('timeout 5 bash -lc X'), { script: 4, shell: 2 })
  t.match(plan('env A=1 nice -n 5 sh -c X'), { script: 7, shell: 5 })
  t.match(plan('bash -c X'), { script: 2, shell: 0 })
  for (const other of ['timeout 5 bash -c X name', 'echo bash -c X', 'timeout 5 echo'])
    t.equal(plan(other).script, undefined, other)
})

t.test('a shell that is given its script is known in all spellings, and which word the script is', async (t) => {
  const yes = [
    'sh -c X', '/bin/bash -e -c X', 'bash -euxo pipefail -c X', 'bash -eo pipefail -c X', 'bash -euo pipefail -c X',
    'bash -o pipefail -c X', 'bash -xeuo pipefail -lc X', 'bash --norc -c X', 'bash --noprofile --norc -eo pipefail -c X',
    'bash -lO extglob -c X', 'bash +O extglob -c X', 'bash -oO pipefail extglob -c X', 'bash -oc pipefail X',
    'bash -ceo pipefail X', 'bash -c -e X', 'bash -c -o pipefail X', 'bash -c -- X', 'bash -c - X', 'bash -norc -c X',
    'bash --rcfile file -c X', 'bash -rcfile file -ic X', 'bash --init-file -c -c X', 'bash -c X name word',
    'zsh -ic X', 'zsh -oextendedglob -c X', 'zsh -fo extendedglob -c X', 'zsh --emulate sh -c X', 'rbash -c X',
    'dash -euo nounset -c X', 'busybox sh -c X', '/bin/busybox ash -ec X', 'ksh93 -o pipefail -c X', 'ksh -opipefail -c X',
    'csh -fc X', 'tcsh -f -c X', 'fish -N -c X', 'fish -C init -c X', 'bash5.2 -c X', 'mksh -c X',
  ] // prettier-ignore
  const no = [
    'sh', 'sh -c', 'sh file -c X', 'echo -c X', 'bash --rcfile -c X', 'bash -o -c X', 'bash -e file', 'env bash -c X',
    'timeout 5 bash -c X', 'busybox echo -c X', 'bash -- -c X', 'bash -eo', 'python3 -c X',
  ] // prettier-ignore
  for (const line of yes) {
    const words = line.split(' ')
    t.equal(words[shellScript(words)?.at ?? -1], 'X', line)
  }
  for (const line of no) t.equal(shellScript(line.split(' ')), undefined, line)
})

t.test('with its script in a file a shell keeps its other options', async (t) => {
  const before = (line: string) => shellScript(line.split(' '))?.before.join(' ')
  t.equal(before('bash -lc X'), 'bash -l')
  t.equal(before('sh -c X'), 'sh')
  t.equal(before('bash -eo pipefail -c X'), 'bash -eo pipefail')
  t.equal(before('bash -oc pipefail X'), 'bash -o pipefail')
  t.equal(before('bash -c -e X'), 'bash -e')
  t.equal(before('bash --rcfile -c -c -- X'), 'bash --rcfile -c --')
  t.equal(before('zsh -ocorrect -c X'), 'zsh -ocorrect')
  t.equal(before('busybox sh -ec X'), 'busybox sh -e')
})

t.test('background is told with any words', async (t) => {
  t.match(planCommand(['sleep 5'], 'background'), { background: true, argv: ['/bin/sh', '-c', 'sleep 5'] })
  t.equal(planCommand(['sleep', '5'], 'auto').background, false)
})

t.test('words are split as a shell splits them, without expansions', async (t) => {
  t.same(splitWords(`a 'b c' "d\\"e" f\\ g "" h"i"'j'`), ['a', 'b c', 'd"e', 'f g', '', 'hij'])
  t.same(splitWords('  a\t b\n'), ['a', 'b'])
  t.same(splitWords('echo $HOME *'), ['echo', '$HOME', '*'])
  t.throws(() => splitWords('echo "never closed'), { code: 'bad_request' })
  t.throws(() => splitWords('""'), { code: 'bad_request' })
})

t.test('E-08 a blank command is refused in every mode', async (t) => {
  for (const mode of ['auto', 'direct', 'shell']) t.throws(() => planCommand(['  '], mode), { code: 'bad_request' })
})

t.test('a script that ends the command is known as one', async (t) => {
  t.equal(planCommand(['a b'], 'auto').script, 2)
  t.equal(planCommand(['bash', '-e', '-lc', 'a b'], 'auto').script, 3)
  t.equal(planCommand(['bash', '-c', 'a b', 'name'], 'auto').script, undefined)
  t.equal(planCommand(['echo', '-c', 'a b'], 'auto').script, undefined)
})
