// The output kept of a task, and the output that its readers see.

import t from 'tap'
import { TaskLog, type LogChunk, type LogReader } from '../../../src/workspace/exec/task-log.ts'
import { OutputBudget, TAIL_BYTES, type StreamName } from '../../../src/workspace/exec/task-output.ts'

const MIB = 1024 * 1024

function openLog(more: { keepLogs?: boolean; head?: boolean; budget?: number } = {}) {
  const paces: boolean[] = []
  const budget = new OutputBudget(more.budget ?? 128 * MIB)
  const log = new TaskLog({
    keepLogs: more.keepLogs ?? false,
    head: more.head ?? false,
    budget,
    pace: (p) => paces.push(p),
  })
  return { log, paces, budget }
}

const say = (log: TaskLog, stream: StreamName, text: string) => log.append(stream, Buffer.from(text))
const textOf = (pieces: readonly Buffer[]) => Buffer.concat(pieces).toString()

async function rest(reader: LogReader): Promise<LogChunk[]> {
  const chunks: LogChunk[] = []
  for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) chunks.push(chunk)
  return chunks
}

t.test('a reader gets what is kept and what comes, in order, without a seam', async (t) => {
  const { log } = openLog()
  say(log, 'stdout', 'a')
  say(log, 'stderr', 'b')
  const early = log.read()
  const first = await early.next()
  t.same([first?.stream, first?.bytes.toString()], ['stdout', 'a'])
  say(log, 'stdout', 'c')
  const late = log.read()
  say(log, 'stdout', 'd')
  const pending = rest(early)
  say(log, 'stderr', 'e')
  log.end()
  const seen = (chunks: LogChunk[]) => chunks.map(({ stream, bytes }) => `${stream}:${bytes.toString()}`).join(' ')
  t.equal(seen(await pending), 'stderr:b stdout:cd stderr:e')
  t.equal(seen(await rest(late)), 'stdout:a stderr:b stdout:cd stderr:e')
  t.equal(seen(await rest(log.read())), 'stdout:a stderr:b stdout:cd stderr:e')
})

t.test('the tail keeps exactly its bytes, per stream, and a late reader is told what it missed', async (t) => {
  const { log } = openLog()
  say(log, 'stderr', 'early words')
  const block = Buffer.alloc(100_000)
  for (let i = 0; i < 10; i++) log.append('stdout', Buffer.from(block.fill(48 + i)))
  const { pieces, bytes, total } = log.tail('stdout')
  t.same([bytes, total], [TAIL_BYTES, 1_000_000])
  t.equal(textOf(pieces), '7'.repeat(TAIL_BYTES - 200_000) + '8'.repeat(100_000) + '9'.repeat(100_000))
  t.equal(textOf(log.tail('stderr').pieces), 'early words')
  const reader = log.read()
  t.same(reader.gap, { stdout: 1_000_000 - TAIL_BYTES, stderr: 0 })
  log.end()
  t.equal(textOf((await rest(reader)).map((chunk) => chunk.bytes)).length, TAIL_BYTES + 11)
})

t.test('tiny pieces cost bytes, not objects', async (t) => {
  const { log } = openLog({ head: true })
  for (let i = 0; i < 300_000; i++) log.append('stdout', Buffer.from(String(i % 10)))
  t.equal(textOf(log.head('stdout')?.pieces ?? []), '0123456789'.repeat(30_000))
  t.ok((log.head('stdout')?.pieces.length ?? 1e9) < 30)
  t.ok(log.tail('stdout').pieces.length < 30)
  t.equal(log.tail('stdout').bytes, TAIL_BYTES)
})

t.test('the head is bounded and its budget is given back', async (t) => {
  const { log, budget } = openLog({ head: true, keepLogs: true, budget: 3 * MIB })
  for (let i = 0; i < 8; i++) log.append('stdout', Buffer.alloc(MIB, i))
  t.same(
    [log.head('stdout')?.bytes, log.total('stdout')],
    [3 * MIB - (budget.taken - (log.head('stdout')?.bytes ?? 0)), 8 * MIB],
  )
  t.equal(budget.taken, 3 * MIB, 'the long tail shares it')
  t.ok(log.tail('stdout').bytes >= TAIL_BYTES)
  log.releaseHeads()
  log.releaseTails()
  t.equal(budget.taken, 0)
  t.equal(log.keptBytes, 0)
})

t.test('with keep_logs the tail has 8 MiB', async (t) => {
  const { log } = openLog({ keepLogs: true })
  for (let i = 0; i < 10; i++) log.append('stderr', Buffer.alloc(MIB, 65 + i))
  t.equal(log.tail('stderr').bytes, 8 * MIB)
  t.equal(log.tail('stderr').pieces[0]?.[0], 67)
})

t.test('the slowest reader paces the child; one that goes releases it at once', async (t) => {
  const { log, paces } = openLog()
  const fast = log.read()
  const slow = log.read()
  for (let i = 0; i < 5; i++) log.append('stdout', Buffer.alloc(64 * 1024, i))
  t.same(paces, [true], 'more than 256 KiB behind')
  for (let i = 0; i < 5; i++) await fast.next()
  t.same(paces, [true], 'the slow one still is')
  slow.close()
  t.same(paces, [true, false])
  t.equal(await slow.next(), undefined)
  for (let i = 0; i < 5; i++) log.append('stdout', Buffer.alloc(64 * 1024, i))
  t.same(paces, [true, false, true])
  await fast.next()
  await fast.next()
  t.same(paces, [true, false, true], 'not before half of it is read')
  await fast.next()
  t.same(paces, [true, false, true, false])
})

t.test('closing a reader ends its pending read', async (t) => {
  const { log } = openLog()
  const reader = log.read()
  const pending = reader.next()
  reader.close()
  t.equal(await pending, undefined)
  t.equal(reader.closed, true)
})

t.test('after the exit no reader holds the pipes up', async (t) => {
  const { log, paces } = openLog()
  const reader = log.read()
  log.append('stdout', Buffer.alloc(300 * 1024))
  log.endPacing()
  log.append('stdout', Buffer.alloc(300 * 1024))
  log.end()
  t.same(paces, [true, false])
  t.equal(
    (await rest(reader)).reduce((sum, chunk) => sum + chunk.bytes.byteLength, 0),
    600 * 1024,
  )
})
