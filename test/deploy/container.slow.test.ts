// The Containerfile without an engine: what it copies is what the build makes, its shell lines are shell, and the
// start command of each stage starts a daemon that serves. executable.test.ts starts it in a root with nothing else.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../support/daemon.ts'

const ROOT = join(import.meta.dirname, '../..')
const FILE = join(ROOT, 'deploy/container/Containerfile')
const EXECUTABLE = '/usr/local/bin/workspace-runtime'

interface Instruction {
  readonly name: string
  readonly flags: readonly string[]
  readonly text: string
}

interface Stage {
  readonly name: string
  readonly image: string
  readonly instructions: readonly Instruction[]
}

const LINE = /^([A-Z]+)((?: +--[\w-]+=\S+)*) +(.+)$/

/** Returns the stages with their instructions, build arguments put in. Reads no more of the syntax than ours uses. */
function readContainerfile(source: string): readonly Stage[] {
  const defaults = new Map<string, string>()
  const stages: (Stage & { instructions: Instruction[] })[] = []
  const joined = source.replaceAll(/^ *#.*\n/gm, '').replaceAll(/\\\n\s*/g, '')
  for (const line of joined.split('\n').filter((one) => one.trim() !== '')) {
    const [, name = '', flags = '', raw = ''] = LINE.exec(line) ?? []
    if (name === '') throw new Error(`not an instruction: ${line}`)
    const text = raw.replaceAll(/\$\{(\w+)\}/g, (_, argument: string) => defaults.get(argument) ?? `no ${argument}`)
    if (name === 'FROM') {
      const [, image = '', as = ''] = /^(\S+) AS (\S+)$/.exec(text) ?? []
      stages.push({ name: as, image, instructions: [] })
    } else if (name === 'ARG' && text.includes('=')) {
      const [argument = '', value = ''] = text.split('=')
      defaults.set(argument, value)
    } else {
      stages.at(-1)?.instructions.push({ name, flags: flags.split(' ').filter((flag) => flag !== ''), text })
    }
  }
  return stages
}

const stages = readContainerfile(readFileSync(FILE, 'utf8'))

const textOf = (stage: Stage, name: string): string =>
  stage.instructions.findLast((one) => one.name === name)?.text ?? ''
const listOf = (stage: Stage, name: string): string[] => JSON.parse(textOf(stage, name)) as string[] // of strings, checked

t.test('two stages, each of a fixed release, run as a user without privileges', async (t) => {
  t.same(
    stages.map(({ name, image }) => [name, image]),
    [
      ['distroless', 'gcr.io/distroless/cc-debian12:nonroot'],
      ['debian', 'debian:12-slim'],
    ],
  )
  t.match(textOf(stages.at(-1)!, 'USER'), /^1000:1000$/)
})

for (const stage of stages) {
  t.test(`${stage.name}: copies what the build makes, and starts it`, async (t) => {
    const copied = stage.instructions.filter(({ name }) => name === 'COPY')
    t.same(
      copied.map(({ flags, text }) => [flags, text]),
      [[['--chmod=755'], `workspace-runtime ${EXECUTABLE}`]],
      'from dist, which is the context',
    )
    t.ok(existsSync(join(ROOT, 'dist/workspace-runtime')), 'npm run build has made it')
    for (const { text } of stage.instructions.filter(({ name }) => name === 'RUN')) {
      execFileSync('sh', ['-n', '-c', text])
    }
    t.same(listOf(stage, 'ENTRYPOINT'), [EXECUTABLE])
    const command = listOf(stage, 'CMD')
    t.equal(command[0], 'serve')
    t.equal(textOf(stage, 'EXPOSE'), '9990', 'the default port')
    const daemon = await startDaemon(t, { args: command.slice(1) })
    t.match(daemon.stderr(), /ready on http:\/\/0\.0\.0\.0:/)
    t.match(await daemon.call('GET', '/runtime'), { status: 200, body: { os: 'linux' } })
    t.equal(await daemon.stop(), 0)
  })
}

t.test('the two lines for any other image say the same', async (t) => {
  const lines = /^# {3}(COPY .*)\n# {3}(CMD .*)$/m.exec(readFileSync(FILE, 'utf8'))?.slice(1) ?? []
  const [any] = readContainerfile(`FROM any AS any\n${lines.join('\n')}\n`)
  t.equal(textOf(any!, 'COPY'), `dist/workspace-runtime ${EXECUTABLE}`)
  const last = stages.at(-1)!
  t.same(listOf(any!, 'CMD'), [...listOf(last, 'ENTRYPOINT'), ...listOf(last, 'CMD')])
})
