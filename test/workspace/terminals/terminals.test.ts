// The table of terminals: the limit and what counts against it, ids and the clients that still hold them, ended
// terminals that are kept, deleting, and the end of the workspace (P-14, C-01).

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openChildren } from '../../../src/workspace/processes/child.ts'
import { fileLimit, setFileLimit } from '../../../src/native/process.ts'
import { KEPT_TERMINALS, openFault, openTerminals } from '../../../src/workspace/terminals/terminals.ts'
import { follow, openTestTerminals, script, whole } from '../../support/terminals.ts'
import { terminalsHere } from '../../support/here.ts'
import { until } from '../../support/until.ts'

const SLEEP = { command: ['sleep', '1000'] }

t.test('ten live at most; the dead do not count; a deleted one makes room', async (t) => {
  const terminals = openTestTerminals(t)
  const alive = Array.from({ length: 10 }, () => terminals.create(SLEEP))
  t.throws(() => terminals.create(SLEEP), {
    code: 'rate_limited',
    message: /10 terminals are alive, which is the limit/,
    retryAfter: 1,
  })
  await terminals.delete(alive[0]?.id ?? 0)
  const next = terminals.create({ command: ['true'] })
  t.equal(next.id, 11)
  await next.ended
  terminals.create(SLEEP)
  t.same(terminals.list().map(({ id }) => id), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) // prettier-ignore
  t.throws(() => terminals.create(SLEEP), { code: 'rate_limited' })
})

t.test('an unknown id is not found, however it is written', async (t) => {
  const terminals = openTestTerminals(t)
  const { id } = terminals.create(SLEEP)
  t.equal(terminals.get(String(id)).id, id)
  for (const bad of ['2', '0', '-1', '01', '1.0', ' 1', 'one', '', '1111', 999]) {
    t.throws(() => terminals.get(bad), { code: 'not_found' }, JSON.stringify(bad))
  }
  await t.rejects(terminals.delete('7'), { code: 'not_found', message: /terminal "7" is unknown/ })
})

t.test('P-14 an id is given again after all others, and not while a client follows its terminal', async (t) => {
  const terminals = openTestTerminals(t)
  const first = terminals.create({ command: ['true'] })
  const client = follow(first)
  await first.ended
  await terminals.delete(first.id)
  const second = terminals.create(SLEEP)
  t.equal(second.id, 2)
  const ids: number[] = []
  const next = async (): Promise<void> => {
    const one = terminals.create({ command: ['true'] })
    ids.push(one.id)
    await one.ended
    await terminals.delete(one.id)
  }
  for (let round = 3; round <= 255; round++) await next()
  t.same(
    ids,
    Array.from({ length: 253 }, (_, index) => index + 3),
  )
  await next()
  t.equal(ids.at(-1), 3, '1 is followed, 2 lives')
  client[Symbol.dispose]()
  for (let round = 4; round <= 255; round++) await next()
  await next()
  t.equal(ids.at(-1), 1)
})

t.test('the dead are kept, the oldest go', async (t) => {
  const terminals = openTestTerminals(t)
  const alive = terminals.create(SLEEP)
  for (let round = 0; round < KEPT_TERMINALS + 3; round++) await script(terminals, `echo ${round}; exit 3`).ended
  const ids = terminals.list().map(({ id }) => id)
  t.equal(ids.length, KEPT_TERMINALS + 1)
  t.same(ids.slice(0, 3), [alive.id, 5, 6])
  t.throws(() => terminals.get(4), { code: 'not_found' })
  const last = terminals.get(ids.at(-1) ?? 0)
  t.match(await whole(last), { text: `${KEPT_TERMINALS + 2}\r\n`, code: 3 })
})

t.test('deleting: forgotten at once, ended when it resolves; who follows gets the exit', async (t) => {
  const terminals = openTestTerminals(t)
  const terminal = terminals.create(SLEEP)
  using client = follow(terminal)
  const deleted = terminals.delete(terminal.id)
  t.same(terminals.list(), [])
  t.throws(() => terminals.get(terminal.id), { code: 'not_found' })
  await deleted
  t.equal(await client.exit, 129)
  t.match(terminal.exit, { code: 129, signal: 'SIGHUP' })
})

t.test('listeners hear of each new terminal in time for its first byte', async (t) => {
  const terminals = openTestTerminals(t)
  const heard: number[] = []
  const clients: ReturnType<typeof follow>[] = []
  const listening = terminals.onCreated((terminal) => {
    clients.push(follow(terminal)) // its thread may have read something by now
    heard.push(terminal.id)
  })
  await script(terminals, 'echo x').ended
  await script(terminals, 'echo y').ended
  listening[Symbol.dispose]()
  terminals.create(SLEEP)
  t.same(heard, [1, 2])
  for (const [index, text] of ['x\r\n', 'y\r\n'].entries()) {
    using client = clients[index]
    await client?.exit
    t.equal(client?.text(), text)
  }
})

t.test('C-01 closing ends 20 terminals, stubborn ones too, and refuses more', async (t) => {
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  const children = openChildren()
  const environment = { PATH: process.env['PATH'] ?? '' }
  const terminals = terminalsHere(openTerminals({ children, limit: 64, workdir: '/', environment, shell: '/bin/sh' }))
  const all = Array.from({ length: 20 }, (_, index) =>
    script(terminals, index % 2 === 0 ? 'sleep 1000' : 'trap "" HUP TERM; sleep 1000; sleep 1000'),
  )
  const client = follow(all[1] ?? terminals.create({}), { paused: true })
  await terminals[Symbol.asyncDispose]()
  t.equal(children.size, 0)
  t.ok(all.every(({ alive }) => !alive))
  t.throws(() => terminals.create(SLEEP), { code: 'unavailable' })
  client[Symbol.dispose]()
  await children[Symbol.asyncDispose]()
  await until('all descriptors are closed', () => open() <= before)
})

t.test('P-13 without pairs or descriptors: unavailable, naming what is short; nothing leaks', async (t) => {
  const failed = (code: string) => openFault(Object.assign(new Error(`posix_openpt: ${code}`), { code }))
  t.match(failed('ENOSPC'), { code: 'unavailable', message: /kernel\.pty\.max/, details: { sysctl: 'kernel.pty.max' } })
  t.match(failed('ENOENT'), { code: 'spawn_failed', message: /pseudo-terminal .*ENOENT/ })
  const terminals = openTestTerminals(t)
  await script(terminals, 'true').ended
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  const limit = fileLimit(0)
  setFileLimit(0, { soft: 1n, hard: limit.hard })
  try {
    t.throws(() => terminals.create(SLEEP), { code: 'unavailable', message: /EMFILE/ })
  } finally {
    setFileLimit(0, limit)
  }
  t.equal(open(), before)
  t.equal((await script(terminals, 'exit 3').ended).code, 3)
})

t.test('a process that ends without closing is not held up by the reader', async (t) => {
  const children = openChildren()
  t.teardown(() => children[Symbol.asyncDispose]())
  const source = (path: string) => JSON.stringify(new URL(`../../../src/workspace/${path}`, import.meta.url).href)
  const program = `
    import { openChildren } from ${source('processes/child.ts')}
    import { openTerminals } from ${source('terminals/terminals.ts')}
    const options = { limit: 1, workdir: '/', environment: { PATH: '/usr/bin:/bin' }, shell: '/bin/sh' }
    const terminals = openTerminals({ children: openChildren(), ...options })
    const terminal = terminals.create({})
    terminal.attach({ wake: () => process.exit(7) })`
  const argv = [process.execPath, join(t.testdir({ 'program.mjs': program }), 'program.mjs')] as const
  const child = await children.spawn({ argv, cwd: '/', env: { PATH: '/usr/bin:/bin' }, stdin: 'empty' })
  child.stdout.resume()
  child.stderr.resume()
  t.equal((await child.exited).code, 7)
  child.release()
})
