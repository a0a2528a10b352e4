// The journal of temporary files, and what a killed writer leaves (protocol.md#files-write, F-06).

import { fork, type ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { openFileWriter } from '../../../../src/workspace/files/write/file-writer.ts'
import { isTemporaryName } from '../../../../src/base/temporary-name.ts'
import { leftOver, openWriteJournal } from '../../../../src/workspace/files/write/write-journal.ts'
import { until } from '../../../support/until.ts'

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

t.test('F-06 killed while replacing: old or new, and the next start cleans up', async (t) => {
  const dir = t.testdir({ work: {}, state: {} })
  const path = join(dir, 'work', 'file')
  const first = randomBytes(1024)
  writeFileSync(path, first)
  const may = { done: sha(first), begun: sha(first) }
  let leftovers = 0
  for (let round = 0; round < 12; round++) {
    const child = fork(join(import.meta.dirname, '../../../support/programs/endless-writer.ts'), [
      path,
      join(dir, 'state'),
    ])
    child.on('message', (message: Partial<typeof may>) => Object.assign(may, message))
    await once(child, 'message')
    await pause(Math.random() * 25) // the moment of death, not a wait for a result
    await kill(child)
    const found = sha(readFileSync(path))
    if (found !== may.done && found !== may.begun) t.fail(`round ${round}: neither old nor new`)
    may.done = found
    const left = readdirSync(join(dir, 'work')).filter((name) => name !== 'file')
    leftovers += left.length
    if (left.length > 1 || !left.every(isTemporaryName)) t.fail(`round ${round}: left ${left.join(', ')}`)
    await using _ = await openWriteJournal(join(dir, 'state'))
    t.same(readdirSync(join(dir, 'work')), ['file'], 'swept at the next start')
  }
  t.comment(`${leftovers} temporary files were swept`)
  t.same(readdirSync(join(dir, 'state')), [])
})

async function kill(child: ChildProcess): Promise<void> {
  const gone = Promise.all([once(child, 'close'), once(child, 'disconnect')]) // the last messages included
  child.kill('SIGKILL')
  await gone
}

t.test('the sweep removes regular files with names of ours, and nothing else', async (t) => {
  const name = (of: string) => `.${of}.0123456789abcdef~`
  const dir = t.testdir({
    state: {},
    work: { [name('a')]: 'x', [name('dir')]: {}, precious: 'x', [name('done')]: 'x' },
  })
  const work = (file: string) => join(dir, 'work', file)
  symlinkSync('precious', work(name('link')))
  const lines = ['a', 'dir', 'link', 'missing', 'done'].map((of) => `+${JSON.stringify(work(name(of)))}\n`)
  const journal = join(dir, 'state', 'writes-0-999999999-1.journal')
  writeFileSync(
    journal,
    [...lines, `+${JSON.stringify(work('precious'))}\n`, `-${JSON.stringify(work(name('done')))}\n`, '+"/torn'].join(
      '',
    ),
  )
  writeFileSync(join(dir, 'state', 'token'), 'x')
  await using opened = await openWriteJournal(join(dir, 'state'))
  t.equal(opened.problem, undefined)
  t.same(readdirSync(join(dir, 'work')).sort(), [name('dir'), name('done'), name('link'), 'precious'])
  t.notOk(existsSync(journal))
  t.ok(existsSync(join(dir, 'state', 'token')))
})

t.test('directories that were announced go in the background, their journal last', async (t) => {
  const name = (of: string) => `.${of}.0123456789abcdef~`
  const dir = t.testdir({ state: {}, precious: { x: 'x' }, work: { [name('dir')]: { a: { b: 'x' } }, other: {} } })
  const work = (file: string) => join(dir, 'work', file)
  symlinkSync('../precious', work(name('link')))
  symlinkSync('../../precious', join(work(name('dir')), 'link'))
  const journal = join(dir, 'state', 'writes-0-999999999-1.journal')
  const lines = [name('dir'), name('link'), 'other'].map((file) => `*${JSON.stringify(work(file))}\n`)
  writeFileSync(journal, lines.join(''))
  await using _ = await openWriteJournal(join(dir, 'state'))
  await until('the journal has gone', () => !existsSync(journal))
  t.same(readdirSync(join(dir, 'work')), ['other'], 'a name that is not ours stays')
  t.ok(existsSync(join(dir, 'precious/x')))
})

t.test('the journal of a living daemon is left alone', async (t) => {
  const dir = t.testdir({ state: {}, '.a.0123456789abcdef~': 'in flight' })
  const temporary = join(dir, '.a.0123456789abcdef~')
  const one = await openWriteJournal(join(dir, 'state'))
  await one.begin(temporary)
  const two = await openWriteJournal(join(dir, 'state'))
  t.ok(existsSync(temporary))
  one.end(temporary)
  await one[Symbol.asyncDispose]()
  await two[Symbol.asyncDispose]()
})

t.test('the journal stays short and knows what is in flight', async (t) => {
  const dir = t.testdir({ state: {} })
  await using journal = await openWriteJournal(join(dir, 'state'))
  const [name] = readdirSync(join(dir, 'state'))
  const path = join(dir, 'state', name ?? '')
  await journal.begin('/kept\n"')
  await journal.begin('/tree', 'tree')
  for (let i = 0; i < 3000; i++) {
    await journal.begin(`/somewhere/quite/far/away/.file.${i}~`)
    journal.end(`/somewhere/quite/far/away/.file.${i}~`)
  }
  await journal.begin('/last')
  t.ok(statSync(path).size < 70 * 1024, 'it is written anew in between')
  t.same(
    [...leftOver(readFileSync(path, 'utf8'))],
    [
      ['/kept\n"', '+'],
      ['/tree', '*'],
      ['/last', '+'],
    ],
  )
  t.same(readdirSync(join(dir, 'state')), [name])
  journal.end('/last')
  journal.end('/tree')
  journal.end('/kept\n"')
})

t.test('without a state directory that can be written, files can', async (t) => {
  const dir = t.testdir({ state: 'a file' })
  await using writer = await openFileWriter({ stateDirectory: join(dir, 'state'), durable: false })
  t.match(writer.problem, /EEXIST|ENOTDIR/)
  const request = { path: join(dir, 'x'), content: 'y', encoding: 'utf8', createDirs: false, append: false } as const
  t.match(await writer.write(request, new AbortController().signal), { size: 1, atomic: true, created: true })
})
