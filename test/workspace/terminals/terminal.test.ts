// A program in a terminal: it finds a controlling terminal of its own, its size, keys that are signals, exact ends, a
// hang-up. Real programs throughout.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openChildren } from '../../../src/workspace/processes/child.ts'
import { parseStat } from '../../../src/workspace/processes/process-table.ts'
import { runs } from '../../support/exec.ts'
import { follow, openTestTerminals, printed, script, whole } from '../../support/terminals.ts'
import { until } from '../../support/until.ts'

const terminals = openTestTerminals(t)
const sh = (line: string) => script(terminals, line)

t.test('a controlling terminal, a session, the size, TERM; nothing of the daemon’s window', async (t) => {
  const terminal = terminals.create({
    command: ['sh', '-c', 'tty; stty size; echo "$TERM $COLUMNS-$LINES $PWD $X"; cat /proc/$$/stat; ps -o tty= -p $$'],
    cols: 120,
    rows: 40,
    cwd: '/usr',
    env: { X: 'mine' },
  })
  const [tty = '', size, env, stat = '', ps] = (await whole(terminal)).text.split('\r\n')
  t.match(tty, /^\/dev\/pts\/\d+$/)
  t.equal(size, '40 120')
  t.equal(env, 'xterm-256color - /usr mine')
  const { pid } = terminal
  t.match(parseStat(stat), { pid, group: pid, session: pid })
  t.not(stat.slice(stat.lastIndexOf(')')).split(' ')[5], '0', 'tty_nr')
  t.equal(ps, tty.replace('/dev/', ''))
})

t.test('descriptors 0 to 2 only, and a login’s limits', async (t) => {
  const terminal = sh('stty -echo; ls /proc/self/fd; read x; ulimit -Sn')
  terminal.input(Buffer.from('\r')) // the daemon sets the limits just after the start
  const { text } = await whole(terminal)
  t.same(text.trim().split(/\s+/).slice(0, 4), ['0', '1', '2', '3'], '3 is the listing itself')
  t.ok(Number(text.trim().split(/\s+/).at(-1)) <= 1024)
})

t.test('the shell, where no command is given; one word with spaces is a command line', async (t) => {
  const shell = terminals.create({})
  t.same(shell.command, ['/bin/sh'])
  using client = follow(shell)
  shell.input(Buffer.from('echo "$-" is interactive; exit 9\r'))
  t.equal(await client.exit, 9)
  t.match(client.text(), /\n(?:[#$] )?\w*i\w* is interactive\r\n/)
  t.match(await whole(terminals.create({ command: ['echo one | tr o 0'] })), { text: '0ne\r\n', code: 0 })
  t.match(await whole(terminals.create({ command: ['echo', 'a b|c'] })), { text: 'a b|c\r\n', code: 0 })
})

t.test('exit codes are exact, also for signals', async (t) => {
  for (const code of [0, 1, 44, 255]) t.equal((await whole(sh(`exit ${code}`))).code, code)
  for (const [signal, code] of [
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
  ] as const) {
    // prettier-ignore
    const terminal = sh(`kill -${signal} $$`)
    t.match(await terminal.ended, { code, signal: `SIG${signal}` })
    t.equal(terminal.alive, false)
  }
})

t.test('keys are signals: Ctrl-C, Ctrl-\\, Ctrl-D', async (t) => {
  const trapped = sh('trap "echo interrupted; exit 3" INT; echo ready; while :; do sleep 0.01; done')
  using client = follow(trapped)
  await printed(client, 'ready')
  trapped.input(Buffer.from('\x03'))
  t.equal(await client.exit, 3)
  t.match(client.text(), /\^Cinterrupted/)
  const sleeper = terminals.create({ command: ['sleep', '1000'] })
  await until('it sleeps', () => readFileSync(`/proc/${sleeper.pid}/comm`, 'latin1') === 'sleep\n')
  sleeper.input(Buffer.from('\x1c'))
  t.match(await sleeper.ended, { code: 131, signal: 'SIGQUIT' })
  const reader = sh('echo ready; cat; echo end of file')
  using other = follow(reader)
  await printed(other, 'ready')
  reader.input(Buffer.from('\x04'))
  t.equal(await other.exit, 0)
  t.match(other.text(), /end of file/)
})

t.test('P-12 resize: seen by stty and told by SIGWINCH; the last of many wins; out of bounds is refused', async (t) => {
  const terminal = sh('trap "stty size" WINCH; echo ready; while :; do sleep 0.01; done')
  using client = follow(terminal)
  await printed(client, 'ready')
  terminal.resize(132, 43)
  await printed(client, '43 132')
  for (const [cols, rows] of [
    [0, 24],
    [-1, 24],
    [80, 65_536],
    [1.5, 24],
    [Number.NaN, 24],
    [80, 1001],
  ] as const) {
    // prettier-ignore
    t.throws(() => terminal.resize(cols, rows), { code: 'bad_request', message: /1 to 1000/ })
    t.throws(() => terminals.create({ cols, rows }), { code: 'bad_request' })
  }
  for (let round = 1; round <= 1000; round++) terminal.resize(round, 1001 - round)
  terminal.resize(99, 11)
  await printed(client, '11 99')
  t.same(terminal.window, { cols: 99, rows: 11 })
  terminal.input(Buffer.from('\x1c'))
  await terminal.ended
  t.throws(() => terminal.resize(80, 24), { code: 'conflict' })
  t.throws(() => terminal.input(Buffer.from('x')), { code: 'conflict' })
})

t.test('P-11 a flood, ^S, ^Q, exit', async (t) => {
  const terminal = sh('seq 3000; read line; seq 3000; exit 5')
  using client = follow(terminal)
  await printed(client, '3000\r\n')
  terminal.input(Buffer.from('\x13'))
  terminal.input(Buffer.from('\r\x11'))
  t.equal(await client.exit, 5)
  t.equal(client.text().match(/\b2999\r\n/g)?.length, 2)
})

t.test('a program that lets go of its terminal and comes back is not at its end', async (t) => {
  const terminal = sh('exec </dev/null >/dev/null 2>&1; sleep 0.1; echo back >/dev/tty; exit 4')
  t.match(await whole(terminal), { text: 'back\r\n', code: 4 })
})

t.test('P-09 another process holds the terminal: the exit comes soon, then it is hung up', async (t) => {
  const folder = t.testdir({})
  const path = join(folder, 'result')
  const ends = join(folder, 'ends') // where the holder hears that the shell has gone
  const writes = `until ! echo x 2>/dev/null; do sleep 0.05; done; echo $? >${path}`
  const holder = `trap "" HUP; echo held; cat ${ends}; echo more; ${writes}`
  const terminal = sh(`trap "" HUP; mkfifo ${ends}; (${holder}) & exec 3>${ends}; exit 6`)
  const { text, code } = await whole(terminal)
  t.equal(code, 6)
  t.match(text, /held\r\nmore\r\n/, 'what came in the time left is there')
  await until('its writes fail', () => existsSync(path))
})

t.test('closing: HUP to the group, KILL for what ignores it, also in the foreground of a shell', async (t) => {
  const polite = sh('trap "echo bye; exit 8" HUP; echo ready; while :; do sleep 0.01; done')
  using client = follow(polite)
  await printed(client, 'ready')
  await polite.close()
  t.equal(await client.exit, 8)
  t.match(client.text(), /bye/)

  const stubborn = sh('trap "" HUP TERM; echo ready; sleep 1000; sleep 1000')
  using other = follow(stubborn)
  await printed(other, 'ready')
  await stubborn.close()
  t.match(stubborn.exit, { code: 137, signal: 'SIGKILL' })

  const shell = terminals.create({ command: ['bash', '--norc', '-i'] })
  using third = follow(shell)
  shell.input(Buffer.from(`sh -c 'trap "" HUP; echo pid=$$=; sleep 1000; sleep 1000'\r`))
  await printed(third, /pid=\d+=/)
  const pid = Number(/pid=(\d+)=/.exec(third.text())?.[1])
  t.equal(runs(pid), true)
  await shell.close()
  await until('the foreground job is gone', () => !runs(pid))
  t.equal(shell.alive, false)
})

t.test('P-13 many terminals in turn leave no descriptor, terminal or process behind', async (t) => {
  const children = openChildren()
  const table = openTestTerminals(t, { children })
  await whole(script(table, 'true'))
  // A pair lives as long as our end of it: that of others is not ours to count.
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  for (let round = 0; round < 100; round++) await script(table, 'echo x').ended
  t.equal(children.size, 0)
  t.equal(open(), before)
  t.throws(() => table.create({ command: ['./nothing'] }), { code: 'command_not_found' })
  t.throws(() => table.create({ cwd: '/nowhere' }), { code: 'bad_cwd' })
  t.equal(open(), before)
})
