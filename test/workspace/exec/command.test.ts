// The rows of contract 12.2, one by one.

import t from 'tap'
import { planCommand, scriptFlag, splitWords } from '../../../src/workspace/exec/command.ts'

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

t.test('a shell with a -c flag is known in all its spellings', async (t) => {
  const yes = [['sh', '-c', 'x'], ['/bin/bash', '-e', '-c', 'x'], ['bash', '-euxo', '-c', 'x'], ['zsh', '-ic', 'x'], ['bash', '-o', 'pipefail', '-c', 'x'], ['bash', '--norc', '-c', 'x']] // prettier-ignore
  const no = [['sh'], ['sh', 'file', '-c'], ['echo', '-c', 'x'], ['bash', '--rcfile', '-c'], ['bash', '--code']]
  for (const words of yes) t.not(scriptFlag(words), undefined, words.join(' '))
  for (const words of no) t.equal(scriptFlag(words), undefined, words.join(' '))
})

t.test('background is told, whatever the words', async (t) => {
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
