// A child: what it gets, how it ends, and what can be done to it (E-02, E-08, E-10, E-11, E-13, E-16), at the level
// below exec. Real processes throughout.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import t from 'tap'
import { fileLimit, setFileLimit } from '../../../src/native/process.ts'
import { openChildren, type Child, type ChildExit, type SpawnOptions } from '../../../src/workspace/processes/child.ts'
import { parseStat } from '../../../src/workspace/processes/process-table.ts'
import { CHILD_START } from '../../support/child-start.ts'
import { childrenHere } from '../../support/here.ts'
import { ground } from '../../support/mounting.ts'
import { openToAll } from '../../support/unprivileged.ts'
import { until } from '../../support/until.ts'

const children = childrenHere(openChildren(CHILD_START))
t.teardown(() => children[Symbol.asyncDispose]())

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function spawn(argv: SpawnOptions['argv'], more: Partial<SpawnOptions> = {}): Child {
  return children.spawn({ argv, cwd: '/', env: { PATH }, stdin: 'empty', ...more })
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

interface Outcome extends ChildExit {
  readonly stdout: string
  readonly stderr: string
}

async function outcome(child: Child): Promise<Outcome> {
  const [stdout, stderr, exit] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited])
  child.release()
  return { ...exit, stdout, stderr }
}

const run = (argv: SpawnOptions['argv'], more: Partial<SpawnOptions> = {}) => outcome(spawn(argv, more))
const shell = (line: string, more: Partial<SpawnOptions> = {}) => run(['sh', '-c', line], more)

/** The descriptor that would be given out next. */
function lowestFree(): number {
  const fd = openSync('/dev/null', 'r')
  closeSync(fd)
  return fd
}

const openFiles = () => readdirSync('/proc/self/fd').length

/** Our descriptors are back to what they were; sockets close a turn after their end. */
const filesBackTo = (count: number) => until(`${count} descriptors are open again`, () => openFiles() <= count)

t.test('E-02 exit codes are exact', async (t) => {
  for (const code of [0, 1, 4, 5, 44, 126, 127, 255]) {
    t.match(await shell(`exit ${code}`), { code, signal: undefined })
  }
})

t.test('E-02 death by a signal is 128 + n and its name', async (t) => {
  for (const [signal, code] of [
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
  ] as const) {
    // prettier-ignore
    t.match(await shell(`kill -${signal} $$`), { code, signal: `SIG${signal}` })
  }
})

t.test('E-02 output closed long before the exit loses neither', async (t) => {
  const child = spawn(['sh', '-c', 'echo x; exec >&- 2>&-; read line; exit 44'], { stdin: 'pipe' })
  t.equal(await textOf(child.stdout), 'x\n')
  t.equal(await textOf(child.stderr), '')
  child.stdin?.end('now\n')
  t.match(await child.exited, { code: 44 })
  child.release()
})

t.test('E-08 one argument: 131,071 bytes work, one more is refused; so is NUL', async (t) => {
  const longest = 'x'.repeat(131_071)
  t.equal((await run(['sh', '-c', 'printf %s "$1" | wc -c', 'sh', longest])).stdout.trim(), '131071')
  t.throws(() => spawn(['echo', `${longest}y`]), { code: 'bad_request', message: /argument 1 .*131072/ })
  t.throws(() => spawn(['echo', 'é'.repeat(65_536)]), { code: 'bad_request' })
  t.throws(() => spawn(['env'], { env: { PATH, LONG: longest } }), { code: 'bad_request', message: /"LONG"/ })
  t.throws(() => spawn(['echo', 'a\0b']), { code: 'bad_request', message: /NUL/ })
})

t.test('E-08 three MiB of arguments are too much together; argv passes unchanged below that', async (t) => {
  t.throws(() => spawn(['echo', ...Array<string>(24).fill('x'.repeat(131_071))]), { code: 'payload_too_large' })
  const words = ['', 'a b', '$HOME', '*', '-n', 'é€😀', '\n']
  t.equal((await run(['printf', '%s|', ...words])).stdout, `${words.join('|')}|`)
})

t.test('E-10 the working directory: missing, a file, deleted meanwhile', async (t) => {
  const folder = t.testdir({ file: '' })
  const refusal = (cwd: string, message: RegExp) => {
    t.throws(() => spawn(['true'], { cwd }), { code: 'bad_cwd', message, details: { cwd } })
    t.throws(() => spawn(['./nothing'], { cwd }), { code: 'bad_cwd', message }, 'also where the command is missing')
  }
  refusal(join(folder, 'nowhere'), /does not exist/)
  refusal(join(folder, 'file'), /is not a directory/)
  const gone = join(folder, 'gone')
  mkdirSync(gone)
  t.equal((await run(['pwd'], { cwd: gone })).stdout, `${gone}\n`)
  rmdirSync(gone)
  refusal(gone, /does not exist/)
})

/** access(2) asks about the real user, so this one needs a process that is nobody for good. */
const AS_NOBODY = `
const { openChildren } = await import(process.argv[1])
await using children = openChildren()
if (process.getuid() === 0) process.setuid(65534)
try {
  children.spawn({ argv: ['true'], cwd: process.argv[2], env: { PATH: '/usr/bin:/bin' }, stdin: 'empty' })
} catch (error) {
  console.log(error.code, error.message)
}`

t.test('E-10 the working directory: no permission', async (t) => {
  const dir = openToAll(ground(t).dir)
  const cwd = join(dir, 'closed')
  mkdirSync(cwd)
  chmodSync(cwd, 0)
  const notes = join(dir, 'notes')
  mkdirSync(notes)
  chmodSync(notes, 0o777)
  const child = new URL('../../../src/workspace/processes/child.ts', import.meta.url).href
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', AS_NOBODY, child, cwd], {
    encoding: 'utf8',
    env: { ...process.env, _TAPJS_PROCESSINFO_CWD_: notes }, // the test runner's hook writes as nobody
  })
  t.match(said, /^bad_cwd .*permission/)
})

t.test('E-10 the command: missing, a directory, not executable, no program, no interpreter', async (t) => {
  const cwd = t.testdir({
    folder: {},
    plain: '#!/bin/sh\n',
    script: '#!/nowhere/interpreter -x\n',
    closed: '#!/etc/passwd\n',
    bare: 'exit 0\n',
    loader: '',
  })
  for (const name of ['script', 'bare', 'closed']) chmodSync(join(cwd, name), 0o755)
  const refusal = (name: string, code: string, message: RegExp) =>
    t.throws(() => spawn([name], { cwd }), { code, message, details: { command: name } }, name)
  refusal('no-such-command', 'command_not_found', /PATH was searched: "\/usr/)
  refusal('./nothing', 'command_not_found', /no such file/)
  refusal('', 'command_not_found', /not found/)
  refusal('./folder', 'not_executable', /is a directory/)
  refusal('./plain', 'not_executable', /permission denied/)
  refusal('./bare', 'not_executable', /#! line/)
  refusal('./script', 'command_not_found', /its interpreter "\/nowhere\/interpreter" does not/)
  refusal('./closed', 'not_executable', /its interpreter "\/etc\/passwd" is not executable/)
})

t.test('the command is looked up in the PATH of its own environment, as execvp does', async (t) => {
  const cwd = t.testdir({ one: { tool: '' }, two: { tool: '#!/bin/sh\necho "$0"\n' }, tool: '#!/bin/sh\necho here\n' })
  chmodSync(join(cwd, 'two/tool'), 0o755)
  chmodSync(join(cwd, 'tool'), 0o755)
  const find = async (path: string) => (await run(['tool'], { cwd, env: { PATH: path } })).stdout
  t.equal(await find(`${cwd}/one:${cwd}/two`), `${cwd}/two/tool\n`, 'what may not be executed is passed over')
  t.equal(await find('two'), 'two/tool\n', 'relative to the working directory')
  t.equal(await find('/nowhere:'), 'here\n', 'an empty entry is the working directory')
  t.throws(() => spawn(['tool'], { cwd, env: { PATH: `${cwd}/one` } }), {
    code: 'not_executable',
    message: /is not executable/,
  })
  t.equal((await run(['sh', '-c', 'echo $0'], { env: {} })).stdout, 'sh\n', 'without PATH the system’s default')
})

t.test('A-11 E-11 descriptors 0 to 2 only', async (t) => {
  const { stdout } = await run(['ls', '/proc/self/fd'], { stdin: 'pipe' })
  t.same(stdout.trim().split('\n'), ['0', '1', '2', '3'], '3 is the listing itself')
})

t.test('E-11 signals, umask, niceness, files and session are a login’s', async (t) => {
  const lines = [
    'grep -E "^Sig(Blk|Ign):" /proc/self/status',
    'umask',
    'nice',
    'ulimit -Sn',
    'cut -d" " -f1,5,6 /proc/$$/stat',
  ]
  const child = spawn(['sh', '-c', lines.join('; ')])
  const { stdout } = await outcome(child)
  const [blocked, ignored, umask, nice, files, ids] = stdout.trim().split('\n')
  t.equal(blocked, 'SigBlk:\t0000000000000000')
  t.equal(ignored, 'SigIgn:\t0000000000000000', 'those of the C library too')
  const ours = /^Umask:\t(\d+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
  t.equal(umask, ours)
  t.equal(nice, String(Math.max(0, getPriority())), 'ours, unless that is a favour')
  t.ok(Number(files) <= 1024, `${files} files`)
  t.equal(ids, `${child.pid} ${child.pid} ${child.pid}`, 'pid, group and session')
})

t.test('E-11 a favoured daemon does not favour its children', async (t) => {
  const line = 'sleep 0.01; nice; cat /proc/self/oom_score_adj'
  const script = `
    import { openChildren } from ${JSON.stringify(new URL('../../../src/workspace/processes/child.ts', import.meta.url).href)}
    import { readFileSync } from 'node:fs'
    await using children = openChildren()
    process.stdout.write(readFileSync('/proc/self/oom_score_adj'))
    const argv = ['sh', '-c', ${JSON.stringify(line)}]
    const child = children.spawn({ argv, cwd: '/', env: process.env, stdin: 'empty' })
    for await (const chunk of child.stdout) process.stdout.write(chunk)
    child.release()`
  const favoured =
    '(echo -500 > /proc/self/oom_score_adj) 2>/dev/null; exec nice -n ' + String(-5 - getPriority()) + ' "$@"'
  const argv = ['sh', '-c', favoured, 'sh', process.execPath, '--input-type=module', '-e', script] as const
  const { stdout, stderr } = await run(argv)
  if (/cannot set niceness/.test(stderr))
    return void t.pass('needs a capability', { skip: 'this user may not raise a priority' })
  const [score = '', ...rest] = stdout.split('\n')
  t.same(rest, ['0', String(Math.max(Number(score), 0) + 100), ''], stderr)
})

t.test('descriptors are real pipes that can be opened by name', async (t) => {
  t.match(await shell('echo x > /dev/stderr; echo y > /dev/stdout'), { stdout: 'y\n', stderr: 'x\n' })
  t.match(await shell('cat /dev/stdin; echo end'), { stdout: 'end\n', stderr: '' })
  const child = spawn(['sh', '-c', 'cat /dev/stdin'], { stdin: 'pipe' })
  child.stdin?.end('through\n')
  t.match(await outcome(child), { stdout: 'through\n', code: 0 })
})

t.test('/proc/<pid>/stat is read with any name of the program', async (t) => {
  t.same(parseStat('12 (a) (b c) R 3 4 5 6\n'), { pid: 12, state: 'R', parent: 3, group: 4, session: 5, started: 0 })
  t.equal(parseStat(''), undefined)
})

t.test('a writer whose reader has gone dies of SIGPIPE', async (t) => {
  t.match(await run(['sh', '-c', 'yes | head -n 2000 | wc -l']), { stdout: '2000\n', stderr: '', code: 0 })
})

t.test('a megabyte goes in and out unchanged at any pace', async (t) => {
  const sent = Buffer.alloc(1024 * 1024, 'abcdefg\n')
  const child = spawn(['cat'], { stdin: 'pipe' })
  child.stdin?.end(sent)
  t.ok((await outcome(child)).stdout === sent.toString())
})

t.test('stdin that no program reads: the write is told, the process is not', async (t) => {
  const child = spawn(['true'], { stdin: 'pipe' })
  await child.exited
  const failed = await new Promise((resolve) => child.stdin?.write('x', resolve))
  t.match(failed, { code: 'EPIPE' })
  await outcome(child)
})

t.test('outputIdle tells whether the kernel holds output', async (t) => {
  const child = spawn(['sh', '-c', 'read line; head -c 500000 /dev/zero'], { stdin: 'pipe' })
  child.stdout.pause()
  t.equal(child.outputIdle(), true)
  child.stdin?.end('go\n')
  await until('output waits', () => !child.outputIdle())
  t.equal((await outcome(child)).stdout.length, 500_000)
  t.equal(child.outputIdle(), true, 'also when all is closed')
})

t.test('a signal to the session reaches grandchildren in groups of their own; sessionAlive sees them', async (t) => {
  const child = spawn(['sh', '-c', 'sleep 1000 & (sleep 1000 & wait) & timeout 1000 sleep 1000 & echo ready; exit 3'])
  await once(child.stdout, 'data')
  t.match(await child.exited, { code: 3 })
  t.equal(child.sessionAlive(), true, 'the leader has ended, the rest lives')
  t.equal(child.signalSession('SIGKILL'), true)
  await until('the session has gone', () => !child.sessionAlive())
  t.equal(child.signalSession('SIGKILL'), false)
  await outcome(child)
})

t.test('E-13 between exit and release the number is still taken; after it no signal is sent', async (t) => {
  const child = spawn(['true'])
  await child.exited
  t.equal(process.kill(child.pid, 0), true, 'a zombie holds it')
  t.equal(child.signalSession('SIGTERM'), false)
  child.release()
  child.release()
  t.throws(() => process.kill(child.pid, 0), { code: 'ESRCH' })
  t.equal(child.signalSession('SIGKILL'), false)
  t.equal(child.sessionAlive(), false)
  t.match(await child.exited, { code: 0 })
})

t.test('E-13 released before its end, a child is reaped at its end', async (t) => {
  const before = children.size
  const child = spawn(['sh', '-c', 'read line'], { stdin: 'pipe' })
  child.stdout.resume()
  child.stderr.resume()
  child.release()
  t.match(await child.exited, { code: 1 }, 'its stdin was closed')
  t.equal(children.size, before)
  t.throws(() => process.kill(child.pid, 0), { code: 'ESRCH' })
})

t.test('disposing a child ends its group', async (t) => {
  const child = spawn(['sh', '-c', 'trap "" TERM HUP; sleep 1000'])
  await child[Symbol.asyncDispose]()
  t.match(await child.exited, { code: 137, signal: 'SIGKILL' })
  t.throws(() => process.kill(child.pid, 0), { code: 'ESRCH' })
})

t.test('closing the table ends everything and refuses more', async (t) => {
  const table = childrenHere(openChildren())
  const options = { cwd: '/', env: { PATH }, stdin: 'pipe' } as const
  const running = [1, 2, 3].map(() => table.spawn({ ...options, argv: ['sleep', '1000'] }))
  t.equal(table.size, 3)
  await table[Symbol.asyncDispose]()
  t.equal(table.size, 0)
  for (const child of running) t.match(await child.exited, { signal: 'SIGKILL' })
  t.throws(() => table.spawn({ ...options, argv: ['true'] }), { code: 'unavailable' })
})

t.test('a refused spawn leaves no descriptor behind', async (t) => {
  await shell('true')
  const before = openFiles()
  for (let round = 0; round < 50; round++) {
    t.throws(() => spawn(['./nothing'], { stdin: 'pipe' }), { code: 'command_not_found' })
  }
  await filesBackTo(before)
})

t.test('Z-01 without free descriptors a spawn is refused for now, and nothing leaks', async (t) => {
  await shell('true')
  const before = openFiles()
  const limit = fileLimit(0)
  // Two pipes fit, the third does not.
  setFileLimit(0, { soft: BigInt(lowestFree() + 5), hard: limit.hard })
  try {
    t.throws(() => spawn(['true'], { stdin: 'pipe' }), { code: 'unavailable', retryAfter: 1 })
  } finally {
    setFileLimit(0, limit)
  }
  t.equal(openFiles(), before)
  t.match(await shell('exit 3'), { code: 3 })
})

t.test('E-16 200 at once and 2,000 in a row, each with its own code, leave nothing behind', async (t) => {
  const before = openFiles()
  const codes = Array.from({ length: 200 }, (_, index) => index)
  const parallel = await Promise.all(codes.map((code) => shell(`exit ${code}`)))
  t.same(parallel.map(({ code }) => code), codes) // prettier-ignore
  let failures = 0
  for (let round = 0; round < 2000; round++) if ((await run(['true'])).code !== 0) failures++
  t.equal(failures, 0)
  t.equal(children.size, 0)
  await filesBackTo(before)
})

t.test('E-12 as PID 1 the daemon reaps orphans and keeps its own exit codes', async (t) => {
  const folder = t.testdir({})
  const script = join(folder, 'init.mjs')
  writeFileSync(
    script,
    `import { readdirSync, readFileSync } from 'node:fs'
    import { setTimeout as pause } from 'node:timers/promises'
    import { openChildren } from ${JSON.stringify(new URL('../../../src/workspace/processes/child.ts', import.meta.url).href)}
    if (process.pid !== 1) throw new Error('not PID 1')
    await using children = openChildren()
    const run = async (line) => {
      const child = children.spawn({ argv: ['sh', '-c', line], cwd: '/', env: process.env, stdin: 'empty' })
      child.stdout.resume()
      const { code } = await child.exited
      child.release()
      return code
    }
    const orphans = run('i=0; while [ $i -lt 300 ]; do (true & true &); i=$((i+1)); done; exit 77')
    const codes = await Promise.all(Array.from({ length: 100 }, (_, code) => run('(true &); exit ' + code)))
    const wrong = codes.filter((code, index) => code !== index).length
    const zombies = () => readdirSync('/proc').filter((pid) => {
      try { return Number(pid) > 1 && / Z 1 /.test(readFileSync('/proc/' + pid + '/stat', 'latin1')) } catch { return false }
    }).length
    const orphanCode = await orphans
    for (let round = 0; round < 500 && zombies() > 0; round++) await pause(10)
    console.log(JSON.stringify({ wrong, orphanCode, zombies: zombies() }))`,
  )
  const namespace = ['unshare', '--pid', '--fork', '--mount-proc'] as const
  if ((await run([...namespace, 'true']).catch(() => ({ code: 1 }))).code !== 0)
    return void t.pass('needs a capability', { skip: 'no PID namespaces here' })
  const { stdout, stderr } = await run([...namespace, process.execPath, script])
  t.same(stdout, '{"wrong":0,"orphanCode":77,"zombies":0}\n', stderr)
})
