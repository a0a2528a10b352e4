// The table of tasks: what it keeps, for how long, and how it closes.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { openChildren } from '../../../src/workspace/processes/child.ts'
import { outcomeOf } from '../../../src/workspace/exec/task.ts'
import { openTasks, type TaskRequest, type Tasks } from '../../../src/workspace/exec/tasks.ts'
import { marksIn, pidIn, runs } from '../../support/exec.ts'
import { until } from '../../support/until.ts'

const PATH = process.env['PATH'] ?? '/usr/bin:/bin'

function open(t: { teardown(handler: () => unknown): unknown }, limit = 50): Tasks {
  const children = openChildren()
  const tasks = openTasks(children, { limit, workdir: '/tmp', environment: { PATH }, marks: marksIn(t) })
  t.teardown(async () => {
    await tasks[Symbol.asyncDispose]()
    await children[Symbol.asyncDispose]()
  })
  return tasks
}

const request = (script: string, more: Partial<TaskRequest> = {}): TaskRequest => ({
  command: ['sh', '-c', script],
  mode: 'auto',
  cwd: undefined,
  env: undefined,
  timeoutSeconds: 0,
  ttlSeconds: -1,
  keepLogs: false,
  whole: false,
  stdin: undefined,
  openStdin: false,
  ...more,
})

t.test('ids are numbers that are never given twice', async (t) => {
  const tasks = open(t)
  const first = await tasks.start(request('exit 0'))
  await tasks.delete(first.id, { keepProcess: false })
  const second = await tasks.start(request('exit 0'))
  t.same([first.id, second.id], ['1', '2'])
  t.throws(() => tasks.get('1'), { code: 'not_found', status: 404 })
  t.equal(tasks.get('2'), second)
})

t.test('kept output has a limit over all tasks; the oldest go first', async (t) => {
  const tasks = open(t)
  for (let i = 0; i < 9; i++) {
    const task = await tasks.start(request('head -c 8388608 /dev/zero', { keepLogs: true }))
    t.match(await task.finished, { exitCode: 0 })
  }
  t.same(
    tasks.list().map((task) => task.id),
    ['3', '4', '5', '6', '7', '8', '9'],
  )
})

t.test('a finished group gives its number back, one with members when they end or the task goes', async (t) => {
  const tasks = open(t)
  const zombie = (pid: number) => pidState(pid) === 'Z'
  const alone = await tasks.start(request('exit 0'))
  const left = await tasks.start(request('sleep 3600 >/dev/null 2>&1 &'))
  await Promise.all([alone.finished, left.finished])
  await until('the first is reaped', () => pidState(alone.pid) === undefined)
  t.equal(zombie(left.pid), true)
  await tasks.delete(left.id, { keepProcess: false })
  t.equal(pidState(left.pid), undefined)
})

function pidState(pid: number): string | undefined {
  try {
    return / ([A-Z]) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1]
  } catch {
    return undefined
  }
}

function sessionOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/.*\) /, '').split(' ')[3])
}

t.test('closing ends every group, refuses new ones and lets go of held pipes', async (t) => {
  const children = openChildren()
  const tasks = openTasks(children, { limit: 50, workdir: '/tmp', environment: { PATH }, marks: marksIn(t) })
  const stubborn = await tasks.start(request('trap "" TERM; sleep 3600 & echo $!; wait; sleep 3600'))
  const forgotten = await tasks.start(request('sleep 3600'))
  const survivor = await tasks.start(request('sleep 3600 & echo $!'))
  const escaped = await tasks.start(request('setsid sleep 3600 & echo $!'))
  t.match(await survivor.finished, { stdioHeld: true })
  t.match(await escaped.finished, { stdioHeld: true })
  await until('its child is there', () => stubborn.tail('stdout').bytes > 0)
  await tasks.delete(forgotten.id, { keepProcess: true })
  const pids = [stubborn.pid, forgotten.pid, childOf(stubborn), childOf(survivor)]
  t.same(pids.map(runs), [true, true, true, true])
  const away = childOf(escaped)
  await until('setsid has left the session', () => sessionOf(away) === away)
  const closing = tasks[Symbol.asyncDispose]()
  await t.rejects(tasks.start(request('exit 0')), { code: 'unavailable' })
  await closing
  t.same(pids.map(runs), [false, false, false, false])
  t.equal(runs(away), true, 'a session of its own is left alone')
  process.kill(away, 'SIGKILL')
  await children[Symbol.asyncDispose]()
  t.equal(children.size, 0)
})

function childOf(task: { tail(stream: 'stdout'): { pieces: readonly Buffer[] } }): number {
  return pidIn(Buffer.concat([...task.tail('stdout').pieces]).toString())
}

t.test('how an end is told', async (t) => {
  const spec = { timeoutSeconds: 3 }
  const gentle = { killed: false, survived: false }
  const hard = { killed: true, survived: false }
  const term = { code: 143, signal: 'SIGTERM' }
  const kill = { code: 137, signal: 'SIGKILL' }
  const calm = { code: 0, signal: undefined }
  t.match(outcomeOf(calm, false, undefined, spec), { status: 'exited', exitCode: 0, error: undefined })
  t.match(outcomeOf(kill, false, undefined, spec), { status: 'failed', exitCode: 137, error: /did not send/ })
  t.match(outcomeOf(term, true, gentle, spec), { exitCode: 124, timedOut: true, error: /^timed out after 3 s/ })
  t.match(outcomeOf(kill, true, hard, spec), { exitCode: 137, timedOut: true })
  t.match(outcomeOf(calm, true, gentle, spec), { status: 'failed', exitCode: 124 })
  t.match(outcomeOf(calm, false, gentle, spec), { status: 'failed', exitCode: 143, timedOut: false })
  t.match(outcomeOf({ code: 5, signal: undefined }, false, gentle, spec), { status: 'failed', exitCode: 5 })
  t.match(outcomeOf(kill, false, { killed: true, survived: true }, spec), { error: /survived even that/ })
})
