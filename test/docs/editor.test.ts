// The tasks and debug configurations of .vscode do what they say: each names a script and a program that exist, and
// each configuration starts under Node's inspector with the pinned Node.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { until } from '../support/until.ts'

const ROOT = join(import.meta.dirname, '../..')

interface Launch {
  readonly name: string
  readonly runtimeExecutable: string
  readonly runtimeArgs?: readonly string[]
  readonly program: string
  readonly args?: readonly string[]
}

const parsed = (path: string): unknown => JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
const { tasks } = parsed('.vscode/tasks.json') as { tasks: readonly { label: string; command: string }[] }
const { configurations } = parsed('.vscode/launch.json') as { configurations: readonly Launch[] }

/** Returns `text` as VS Code reads it while `file` is open. */
const filled = (text: string, file: string): string =>
  text
    .replaceAll('${workspaceFolder}', ROOT)
    .replaceAll('${file}', join(ROOT, file))
    .replaceAll('${relativeFile}', file)

/** Starts a configuration as the debugger does, and ends it once `sign` has been printed. */
async function debug(t: Test, launch: Launch, sign: RegExp, more: readonly string[] = []): Promise<string> {
  const file = 'test/base/fault.test.ts'
  const words = [
    ...(launch.runtimeArgs ?? []),
    '--inspect=127.0.0.1:0',
    launch.program,
    ...(launch.args ?? []),
    ...more,
  ]
  const child = spawn(
    filled(launch.runtimeExecutable, file),
    words.map((word) => filled(word, file)),
    {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], HOME: t.testdir(), TAP: '1' },
    },
  )
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (printed += String(bytes)))
  t.teardown(() => child.kill('SIGKILL'))
  await until(`${launch.name} prints ${sign}`, () => sign.test(printed) || child.exitCode !== null)
  return printed
}

t.test('tasks run scripts and programs that exist', async (t) => {
  const { scripts } = parsed('package.json') as { scripts: Readonly<Record<string, string>> }
  for (const { label, command } of tasks) {
    const [, script = ''] = /^npm (?:run )?([\w:]+)/.exec(command) ?? []
    const program = filled(command.split(' ')[0] ?? '', 'test/base/fault.test.ts')
    t.ok(program === 'npm' ? script in scripts : existsSync(program), label)
  }
  const labels = tasks.map(({ label }) => label)
  for (const label of ['check', 'test this file', 'build', 'start']) t.ok(labels.includes(label), label)
})

t.test('the daemon and a test file start in the debugger', async (t) => {
  const [daemon, test] = configurations
  if (daemon === undefined || test === undefined) return t.fail('there are two configurations')
  const served = await debug(t, daemon, /ready on/, ['--port', '0'])
  t.match(served, /Debugger listening/)
  t.match(served, /ready on http/)
  const tested = await debug(t, test, /^1\.\.\d/m)
  t.match(tested, /Debugger listening/)
  t.match(tested, /^ok 1/m)
})
