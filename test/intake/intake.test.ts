// The tolerant reading of docs/protocol.md, and the sentences of its refusals.

import t from 'tap'
import { Fault } from '../../src/base/fault.ts'
import { LongText } from '../../src/base/long-text.ts'
import { splitList } from '../../src/intake/field-reading.ts'
import { readInput, type IntakeRules } from '../../src/intake/intake.ts'
import { operation } from '../../src/operation.ts'
import {
  argv,
  choice,
  content,
  environment,
  flag,
  id,
  list,
  optional,
  path,
  text,
  Type,
  whole,
} from '../../src/schema.ts'

const sample = operation({
  name: 'sample',
  title: 'Sample',
  summary: 'Takes one of everything.',
  scope: 'none',
  input: Type.Object({
    path: path('A path.', { default: '/' }),
    q: optional(text('Words.', { minLength: 1, maxLength: 10 })),
    nested: flag('Deep.', false),
    depth: whole('Depth.', { minimum: 1, maximum: 9, default: 3 }),
    globs: list('Globs.'),
    command: optional(argv('Command.')),
    content: optional(content('Text.')),
    task: optional(id('Id.')),
    env: optional(environment('Variables.')),
    mode: choice('Mode.', ['a', 'b'], 'a'),
  }),
  output: Type.Object({}),
  aliases: { cmd: 'command', query: 'q' },
  routes: [],
  run: () => Promise.resolve({}),
})

const report: IntakeRules<Record<string, unknown>> = { unknown: 'report' }
const read = (raw: Record<string, unknown>, rules = report) => readInput(sample, raw, rules as never)

function refusal(raw: Record<string, unknown>, rules = report): string {
  try {
    read(raw, rules)
  } catch (error) {
    if (error instanceof Fault) return `${error.code}: ${error.message}`
    throw error
  }
  return 'accepted'
}

t.test('defaults are filled and strings become what they mean', async (t) => {
  t.strictSame(read({}).input, { path: '/', nested: false, depth: 3, globs: [], mode: 'a' })
  const { input } = read({ nested: 'true', depth: '7', globs: 'a,*.{js,ts}', cmd: 'ls -l', task: 5, q: 12 })
  t.match(input, { nested: true, depth: 7, globs: ['a', '*.{js,ts}'], command: ['ls -l'], task: '5', q: '12' })
  t.match(read({ globs: ['a,b', 'c'], nested: 0 }).input, { globs: ['a,b', 'c'], nested: false })
  t.match(read({ q: null, depth: undefined }).input, { depth: 3 }, 'null and undefined are as good as absent')
})

t.test('an alias wins over the name it stands for', async (t) => {
  t.match(read({ command: ['a'], cmd: ['b'] }).input, { command: ['b'] })
  t.match(read({ cmd: ['b'], command: ['a'] }).input, { command: ['b'] })
})

t.test('the route settles what it fixes, the projection what it defaults', async (t) => {
  t.match(read({ nested: false }, { unknown: 'report', fixed: { nested: true } }).input, { nested: true })
  t.match(read({}, { unknown: 'report', defaults: { nested: true } }).input, { nested: true })
  t.match(read({ nested: false }, { unknown: 'report', defaults: { nested: true } }).input, { nested: false })
})

t.test('paths become absolute and normal, free of NUL', async (t) => {
  const below = (path: unknown, workdir: string): unknown =>
    readInput(sample, { path }, report as never, workdir).input.path
  t.equal(below('a/./b', '/work'), '/work/a/b')
  t.equal(below('.', '/work'), '/work')
  t.equal(below('..', '/work'), '/')
  t.equal(below('../x', '/work/dir'), '/work/x')
  t.equal(below('-n', '/'), '/-n')
  t.equal(below('./~/x', '/work'), '/work/~/x')
  t.equal(below('a:b', '/work'), '/work/a:b')
  const readDefault = readInput(sample, {}, { unknown: 'report', defaults: { path: '.' } } as never, '/work')
  t.equal(readDefault.input.path, '/work', "also a projection's default")
  for (const path of ['~', '~/x', '~root/x', 'file:///etc/passwd', 'HTTP://a/b']) {
    t.match(refusal({ path }), /which is read as it stands here; accepted is a path.*"\.\/" in front/, path)
  }
  t.match(read({ path: '/a/./b//c/../d/' }).input, { path: '/a/b/d' })
  t.match(refusal({ path: '/a\0b' }), /path contains a NUL character/)
  t.match(refusal({ path: '/a\ud800' }), /path contains a lone surrogate/)
  t.match(refusal({ path: '' }), /bad_request: path is empty; accepted is a path, absolute or below/)
  t.match(refusal({ path: `/${'x'.repeat(4095)}` }), /path is 4096 bytes long/)
  t.match(refusal({ path: 'x'.repeat(4095) }), /path is 4096 bytes long/)
  t.match(refusal({ path: 5 }), /path is 5; accepted is a path, absolute or below/)
  t.match(refusal({ path: ['/a', '/b'] }), /path is \["\/a","\/b"\]; accepted is a path, absolute or below/)
})

t.test('what is refused names the field, what came and what is accepted', async (t) => {
  t.equal(refusal({ depth: 'x' }), 'bad_request: depth is "x"; accepted is an integer from 1 to 9')
  t.equal(refusal({ depth: 10 }), 'bad_request: depth is 10; accepted is an integer from 1 to 9')
  t.equal(refusal({ depth: 1.5 }), 'bad_request: depth is 1.5; accepted is an integer from 1 to 9')
  t.equal(refusal({ nested: 'yes' }), 'bad_request: nested is "yes"; accepted is true or false')
  t.match(refusal({ q: 'x'.repeat(11) }), 'q is "xxxxxxxxxxx"; accepted is a string of 1 to 10 characters')
  t.match(refusal({ q: 'x'.repeat(1001) }), 'q is a string of 1001 characters; accepted is a string of 1 to 10')
  t.equal(refusal({ mode: 'c' }), 'bad_request: mode is "c"; accepted is one of "a", "b"')
  t.match(refusal({ globs: [1] }), /globs is \[1\]; accepted is a list/)
  t.match(refusal({ cmd: [] }), /command is empty/)
  t.match(refusal({ cmd: '' }), /command is empty/)
  t.match(refusal({ cmd: ['a', 'b\0'] }), /command\[1\] contains a NUL/)
  t.match(refusal({ content: '\ud800' }), /lone surrogate/)
})

t.test('E-09 names of variables', async (t) => {
  t.match(read({ env: { A: '1' } }).input, { env: { A: '1' } })
  for (const name of ['', 'A=B', '1A', 'A\0']) t.match(refusal({ env: { [name]: 'x' } }), /env has a variable named/)
  const plain = { PORT: 3000, RATIO: 0.5, DEBUG: false, TEXT: 'x' }
  const variables = { PORT: '3000', RATIO: '0.5', DEBUG: 'false', TEXT: 'x' }
  t.strictSame(read({ env: plain }).input.env, variables)
  t.strictSame(read({ env: JSON.stringify(plain) }).input.env, variables)
  for (const value of [null, ['x'], { b: 'c' }, 2 ** 60, 'a\0b']) {
    t.match(refusal({ env: { A: value } }), /env\.A is .*; accepted is a string/)
  }
  t.match(refusal({ env: '{"A":' }), /env is "\{\\"A\\":"; accepted is an object of strings/)
  t.match(refusal({ env: ['A=1'] }), /env is \["A=1"\]; accepted is an object of strings/)
})

t.test('unknown fields are named over REST and refused over MCP', async (t) => {
  t.strictSame(read({ dept: 1, nested: true }).ignored, ['dept'])
  const refused = refusal({ dept: 1 }, { unknown: 'refuse' })
  t.match(refused, /"dept" is not an argument of sample; accepted are path, q/)
  t.match(refused, /Did you mean "depth"\?/)
  t.strictSame(read(JSON.parse('{"__proto__": {"x": 1}, "constructor": 1}')).ignored, ['__proto__', 'constructor'])
})

t.test('lists split at commas outside braces', async (t) => {
  t.strictSame(splitList('a, b,,*.{c,d}'), ['a', 'b', '*.{c,d}'])
  t.strictSame(splitList('{a,b},c}d,{e,f'), ['{a,b},c}d', '{e', 'f'], 'the brace that follows decides')
})

t.test('an array is a list as it stands; only one string is split', async (t) => {
  const globs = ['2024,final', ' lead', 'trail\\ ', '', '*.{a,b}']
  t.strictSame(read({ globs }).input.globs, globs)
  t.strictSame(read({ globs: JSON.stringify(globs) }).input.globs, globs)
  t.strictSame(read({ globs: ' [ "a,b" ]\n' }).input.globs, ['a,b'])
  t.strictSame(read({ globs: '[]' }).input.globs, [])
  t.strictSame(read({ globs: '[1]' }).input.globs, ['[1]'], 'a glob')
  t.strictSame(read({ globs: '[ab]*.c,x' }).input.globs, ['[ab]*.c', 'x'])
  t.match(refusal({ globs: '["a",1]' }), /globs is \["a",1\]; accepted is a list/)
  t.match(refusal({ globs: ['a', 'b\0'] }), /globs\[1\] contains a NUL character/)
})

t.test('a command may be the JSON text of its arguments', async (t) => {
  t.strictSame(read({ command: '["echo","hi there"]' }).input.command, ['echo', 'hi there'])
  t.strictSame(read({ command: '[ -f /etc/passwd ] && echo yes' }).input.command, ['[ -f /etc/passwd ] && echo yes'])
  t.strictSame(read({ command: '[ 1 ]' }).input.command, ['[ 1 ]'], 'a test of the shell')
  t.strictSame(read({ command: ['["echo"]'] }).input.command, ['["echo"]'], 'an argument stands as it is')
  t.match(refusal({ command: '[]' }), /command is empty/)
  t.match(refusal({ command: '["sleep",5]' }), /command is \["sleep",5\]; accepted is a command as an array of strings/)
})

t.test('half a character is refused in every field', async (t) => {
  const half = 'a\ud83d'
  for (const raw of [
    { path: `/${half}` },
    { q: half },
    { globs: half },
    { globs: ['x', half] },
    { globs: '["\\ud83d"]' },
    { command: half },
    { command: ['echo', half] },
    { content: half },
    { task: half },
    { env: { A: half } },
    { env: { [half]: 'x' } },
    { mode: half },
  ]) {
    t.match(refusal(raw), /^bad_request: .*contains a lone surrogate, which UTF-8 cannot express/, JSON.stringify(raw))
  }
})

t.test('S-03 a list of a million commas is read in one pass', async (t) => {
  t.strictSame(splitList(','.repeat(1_000_000)), [], 'looking ahead at each comma took hours')
})

t.test('E-08 a script that came as bytes is an argument like any other', async (t) => {
  const script = new LongText(Buffer.from('echo é'))
  t.match(read({ command: ['sh', '-c', script] }).input, { command: ['sh', '-c', 'echo é'] })
  t.match(read({ command: script }).input, { command: ['echo é'] })
  t.match(refusal({ command: ['a', new LongText(Buffer.from('b\0'))] }), /command\[1\] contains a NUL/)
})

t.test('H-06 a refusal is short and quick for every input', async (t) => {
  let deep: unknown = []
  for (let i = 0; i < 200_000; i++) deep = [deep]
  t.match(refusal({ path: deep }), /^bad_request: path is \[\[\[/)
  try {
    read({ ['k'.repeat(1_000_000)]: 1 }, { unknown: 'refuse' })
  } catch (error) {
    t.ok(JSON.stringify((error as Fault).details).length < 1000, 'the name of the field is cut')
  }
})
