// Each native call and struct layout on its own: what is written by hand here would otherwise fail as
// garbage somewhere else.

import { closeSync, existsSync, readFileSync, readSync, rmdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { errnoName, openPipe, POLLFD, POLLIN, pollReadable, signalName } from '../../src/native/libc.ts'
import {
  endingOf,
  fileLimit,
  peekEnding,
  reap,
  RUSAGE,
  setFileLimit,
  SIGINFO,
  type Ending,
} from '../../src/native/process.ts'
import { Spawner, stringVector, type Program } from '../../src/native/spawn.ts'
import { until } from '../support/until.ts'

const spawner = new Spawner()
/** As on a C library that cannot set a child's directory. */
const older = new Spawner({ setsDirectory: false })

const POLLHUP = 0x010
const POLLNVAL = 0x020

/** Starts a shell line, returns what it wrote and how it ended. */
async function run(
  line: string,
  more: Partial<Program> = {},
  starts = spawner,
): Promise<Ending & { output: string; pid: number }> {
  const pipe = openPipe()
  const shared = { path: '/bin/sh', argv: ['sh', '-c', line], environment: ['PATH=/usr/bin:/bin'], cwd: '/' }
  const pid = starts.start({ ...shared, stdin: '/dev/null', stdout: pipe.writer, stderr: pipe.writer, ...more })
  closeSync(pipe.writer)
  const output = readFileSync(pipe.reader, 'utf8')
  closeSync(pipe.reader)
  let ending: Ending | undefined
  await until('the shell has ended', () => (ending = peekEnding(pid)) !== undefined)
  reap(pid)
  return { ...ending!, output, pid } // until has seen it
}

t.test('errno and signal numbers have their usual names', async (t) => {
  t.equal(errnoName(2), 'ENOENT')
  t.equal(errnoName(8), 'ENOEXEC')
  t.equal(errnoName(11), 'EAGAIN')
  t.equal(errnoName(9999), 'E9999')
  t.equal(signalName(6), 'SIGABRT')
  t.equal(signalName(29), 'SIGIO')
  t.equal(signalName(35), 'SIGRTMIN+3')
})

t.test('struct pollfd: a pipe is idle, readable, hung up, then no descriptor at all', async (t) => {
  const { reader, writer } = openPipe()
  t.same(pollReadable([reader, writer], 0), [0, 0])
  writeSync(writer, 'x')
  t.same(pollReadable([writer, reader], 0), [0, POLLIN])
  closeSync(writer)
  t.equal(pollReadable([reader], 0)[0], POLLIN | POLLHUP)
  readSync(reader, Buffer.alloc(1))
  t.equal(pollReadable([reader], 1000)[0], POLLHUP)
  closeSync(reader)
  t.same(pollReadable([reader], 0), [POLLNVAL])
  t.same(pollReadable([], 0), [])
  t.equal(POLLFD.bytes, 8)
})

t.test('pipes are close-on-exec', async (t) => {
  const { reader, writer } = openPipe()
  for (const fd of [reader, writer]) {
    const flags = /^flags:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]
    t.equal(Number.parseInt(flags ?? '0', 8) & 0o2000000, 0o2000000)
    closeSync(fd)
  }
})

t.test('siginfo_t and struct rusage are read where the kernel writes them', async (t) => {
  const info = Buffer.alloc(SIGINFO.bytes)
  const usage = Buffer.alloc(RUSAGE.bytes)
  info.writeInt32LE(2, SIGINFO.code) // CLD_KILLED
  info.writeInt32LE(9, SIGINFO.status)
  usage.writeBigInt64LE(2n, RUSAGE.userSec)
  usage.writeBigInt64LE(500_000n, RUSAGE.userUsec)
  usage.writeBigInt64LE(1250n, RUSAGE.systemUsec)
  usage.writeBigInt64LE(3n, RUSAGE.maxRss)
  const expected = { code: 137, signal: 'SIGKILL', cpuUserMs: 2500, cpuSystemMs: 1.25, maxRssBytes: 3072 }
  t.same(endingOf(info, usage), expected)
})

t.test('waitid: peeking keeps the zombie, reaping lets it go; CPU time and memory are the child’s', async (t) => {
  const stdin = openPipe()
  const pipe = openPipe()
  const output = { stdin: stdin.reader, stdout: pipe.writer, stderr: pipe.writer }
  const argv = ['sh', '-c', 'read x; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; exit 7']
  const pid = spawner.start({ path: '/bin/sh', argv, environment: [], cwd: '/', ...output })
  t.equal(reap(pid), false, 'still runs')
  writeSync(stdin.writer, '\n')
  await until('the loop has ended', () => peekEnding(pid) !== undefined)
  const ending = peekEnding(pid)
  t.match(ending, { code: 7, signal: undefined })
  t.ok(ending!.cpuUserMs + ending!.cpuSystemMs > 1, 'CPU time')
  t.ok(ending!.maxRssBytes > 500_000, 'memory')
  t.ok(existsSync(`/proc/${pid}`))
  t.equal(reap(pid), true)
  t.notOk(existsSync(`/proc/${pid}`))
  t.equal(reap(pid), false, 'no longer a child')
  t.throws(() => peekEnding(pid), { code: 'ECHILD' })
  for (const fd of [stdin.reader, stdin.writer, pipe.reader, pipe.writer]) closeSync(fd)
})

t.test('prlimit reads and sets the limit of another process', async (t) => {
  const stdin = openPipe()
  const stdout = openPipe()
  const program = { path: '/bin/sh', argv: ['sh', '-c', 'read x; ulimit -n'], environment: [], cwd: '/' }
  const pid = spawner.start({ ...program, stdin: stdin.reader, stdout: stdout.writer, stderr: stdout.writer })
  const { hard } = fileLimit(0)
  t.equal(setFileLimit(pid, { soft: 77n, hard }), undefined)
  t.same(fileLimit(pid), { soft: 77n, hard })
  writeSync(stdin.writer, '\n')
  closeSync(stdout.writer)
  t.equal(readFileSync(stdout.reader, 'latin1'), '77\n')
  await until('the shell has ended', () => reap(pid))
  t.equal(setFileLimit(pid, { soft: 77n, hard }), 'ESRCH')
  for (const fd of [stdin.reader, stdin.writer, stdout.reader]) closeSync(fd)
})

t.test('a char *const[] points to each string and ends with NULL', async (t) => {
  const { block, pointers } = stringVector(['a', '', 'é'])
  t.equal(block.toString(), 'a\0\0é\0')
  t.same(
    [...pointers].slice(1).map((pointer, index) => (index < 2 ? pointer - pointers[0]! : pointer)),
    [2n, 3n, 0n],
  )
  t.same([...stringVector([]).pointers], [0n])
})

t.test('posix_spawn: argv, environment, directory and session are the child’s', async (t) => {
  const environment = ['PATH=/usr/bin:/bin', 'X=é', 'EMPTY=']
  const line = 'printf "%s|" "$0" "$1" "$X" "${EMPTY-unset}" "$PWD"; cut -d" " -f1,5,6 /proc/$$/stat'
  const result = await run('', { argv: ['sh', '-c', line, 'zero', 'a b'], environment, cwd: '/usr' })
  t.equal(result.output, `zero|a b|é||/usr|${result.pid} ${result.pid} ${result.pid}\n`)
})

t.test('posix_spawn: the directory is right where the C library cannot set it', async (t) => {
  const before = process.cwd()
  t.equal((await run('pwd', { cwd: '/usr' }, older)).output, '/usr\n')
  t.equal(process.cwd(), before)
  t.throws(() => older.start({ path: '/bin/true', argv: [], environment: [], cwd: '/nowhere', stdin: 0, stdout: 1, stderr: 2 }), { code: 'ENOENT' }) // prettier-ignore
  t.equal(process.cwd(), before)
})

t.test('posix_spawn: where the C library cannot set the directory, ours may be gone', async (t) => {
  const home = process.cwd()
  const own = join(t.testdir({ own: {} }), 'own')
  t.teardown(() => process.chdir(home))
  process.chdir(own)
  rmdirSync(own)
  t.equal((await run('pwd', { cwd: '/usr' }, older)).output, '/usr\n')
  t.equal(process.cwd(), '/', 'a place that is always there')
})

t.test('posix_spawn: failures carry the errno of exec or chdir', async (t) => {
  const common = { argv: ['x'], environment: [], stdin: 0, stdout: 1, stderr: 2 }
  t.throws(() => spawner.start({ ...common, path: '/nowhere/x', cwd: '/' }), { code: 'ENOENT' })
  t.throws(() => spawner.start({ ...common, path: '/etc/passwd', cwd: '/' }), { code: 'EACCES' })
  t.throws(() => spawner.start({ ...common, path: '/bin/true', cwd: '/etc/passwd' }), { code: 'ENOTDIR' })
})
