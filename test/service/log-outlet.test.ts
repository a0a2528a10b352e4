// The way of log lines to a reader, over real pipes, sockets and files: in order, never waiting, bounded, and what
// was lost is told.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { createServer, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openLog } from '../../src/base/log.ts'
import { openPipe } from '../../src/native/libc.ts'
import { openLogOutlet, type LogOutlet } from '../../src/service/log-outlet.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
const LONG = 'x'.repeat(1000)

interface Pipe {
  readonly outlet: LogOutlet
  readonly reader: number
}

function pipeWith(t: Test): Pipe {
  const { reader, writer } = openPipe()
  const outlet = openLogOutlet(writer)
  closeSync(writer) // a pipe is opened a second time; its first description is not used any more
  t.teardown(() => outlet[Symbol.dispose]())
  // Reading must not wait either: it is the same thread that writes.
  const patient = openSync(`/proc/self/fd/${reader}`, constants.O_RDONLY | constants.O_NONBLOCK)
  closeSync(reader)
  return { outlet, reader: patient }
}

function readNow(reader: number, chunk: Uint8Array): number {
  try {
    return readSync(reader, chunk)
  } catch {
    return 0 // EAGAIN
  }
}

/** Reads what there is until `done` says so. */
async function readUntil(reader: number, done: (text: string) => boolean): Promise<string> {
  const chunk = Buffer.alloc(64 * 1024)
  let text = ''
  await until('all is read', () => {
    text += chunk.toString('latin1', 0, readNow(reader, chunk))
    return done(text)
  })
  return text
}

/** Offers lines until one is refused; how many were taken. */
function fill(outlet: LogOutlet): number {
  let taken = 0
  while (taken < 100_000 && outlet.offer(`${taken} ${LONG}`)) taken++
  return taken
}

t.test('C-07 a pipe without a reader: lines wait, up to a bound, and come in order once it is read', async (t) => {
  const { outlet, reader } = pipeWith(t)
  const taken = fill(outlet)
  t.ok(taken > 3000 && taken < 8000, `${taken} lines of 1 KB were taken`)
  t.ok(outlet.waiting <= 4 * MIB && outlet.waiting > 3 * MIB)
  t.notOk(outlet.offer('not even a short one: what was lost is told before what follows'))
  let flowed = 0
  outlet.flowing = () => flowed++
  const text = await readUntil(reader, (so) => so.includes(`${taken - 1} ${LONG}\n`))
  t.strictSame(
    text.split('\n').slice(0, -1),
    Array.from({ length: taken }, (_, index) => `${index} ${LONG}`),
  )
  await until('it says so', () => flowed === 1)
  t.equal(outlet.waiting, 0)
  t.ok(outlet.offer('and on'))
  closeSync(reader)
})

t.test('C-07 the log tells what was lost, at the place where it was', async (t) => {
  const { outlet, reader } = pipeWith(t)
  const log = openLog('info', outlet)
  let logged = 0
  while (log.lost === 0) log.info('many', { number: logged++, LONG })
  for (let more = 0; more < 9; more++) log.info('many', { number: logged++, LONG })
  t.equal(log.lost, 10)
  // Nothing more is logged: the loss is told all the same.
  const text = await readUntil(reader, (so) => so.includes('log_dropped'))
  const last = text.trimEnd().split('\n').slice(-2)
  t.match(last[0], `"number":${logged - 11},`)
  const told = last[1]?.includes('{') === true ? (JSON.parse(last[1]) as object) : last[1]
  if (typeof told === 'object') t.match(told, { level: 'warn', event: 'log_dropped', lines: 10 })
  else t.match(told, /log_dropped +lines=10/)
  log.info('after')
  t.match(await readUntil(reader, (so) => so.includes('\n')), 'after')
  closeSync(reader)
})

t.test('C-07 a reader that dies costs lines, and no more', async (t) => {
  const { outlet, reader } = pipeWith(t)
  fill(outlet)
  closeSync(reader)
  await until('what waited is given up', () => outlet.waiting === 0)
  t.ok(outlet.lost > 3000)
  t.notOk(outlet.offer('nobody'))
})

t.test('C-07 a socket, as the journal gives one', async (t) => {
  const path = join(t.testdir(), 's')
  const server = createServer().listen(path)
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect(path)
  await once(client, 'connect')
  const [reader] = await accepted
  reader.pause()
  const { fd } = (client as unknown as { _handle: { fd: number } })._handle // no public way to a socket's descriptor
  const outlet = openLogOutlet(fd)
  const taken = fill(outlet)
  t.ok(outlet.waiting > 3 * MIB && outlet.waiting <= 4 * MIB)
  let text = ''
  reader.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  reader.resume()
  await until('all has come', () => text.includes(`${taken - 1} ${LONG}\n`))
  t.equal(text.split('\n').length - 1, taken)
  outlet[Symbol.dispose]()
  client.destroy()
  reader.destroy()
  server.close()
})

t.test('a file is appended to in the mode that it was opened with, and loses nothing', async (t) => {
  const path = join(t.testdir(), 'log')
  writeFileSync(path, 'before\n')
  const fd = openSync(path, 'a')
  using outlet = openLogOutlet(fd)
  for (let line = 0; line < 1000; line++) outlet.offer(String(line))
  t.equal(readFileSync(path, 'utf8').split('\n').length, 1 + 1000 + 1)
  writeFileSync(path, 'rotated\n') // truncated by others: with O_APPEND there is no hole
  t.ok(outlet.offer('last'))
  t.equal(readFileSync(path, 'utf8'), 'rotated\nlast\n')
  closeSync(fd)
})

t.test('C-07 a full disk costs lines', async (t) => {
  const fd = openSync('/dev/full', 'w')
  using outlet = openLogOutlet(fd)
  t.notOk(outlet.offer('nowhere'))
  t.equal(outlet.waiting, 0)
  closeSync(fd)
})

t.test('a process that ends writes its last lines, if they are read', async (t) => {
  const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const program = `
    import { openLogOutlet } from ${module('../../src/service/log-outlet.ts')}
    const outlet = openLogOutlet(2)
    for (let line = 0; line < 2000; line++) outlet.offer(line + ' ${LONG}')
    process.exit(7)`
  const run = async (reader: string): Promise<{ code: number; text: string }> => {
    const args = ['-c', `"$0" --input-type=module -e "$1" 2>&1 >/dev/null | ${reader}; echo "\${PIPESTATUS[0]}"`]
    const child = spawn('bash', [...args, process.execPath, program], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
    await once(child, 'close')
    return { code: Number(text.trimEnd().split('\n').at(-1)), text }
  }
  const read = await run('cat')
  t.equal(read.code, 7)
  t.equal(read.text.split('\n').length, 2000 + 2)
  t.match(read.text, `1999 ${LONG}\n`)
  t.equal((await run('sleep 3')).code, 7, 'it ends also without a reader')
})
