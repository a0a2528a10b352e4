// The calls behind pseudo-terminals, each on its own: sizes, flags, the end as the kernel announces it; and the
// set of descriptors the reader waits for.

import { closeSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import t from 'tap'
import { addressOf, openPipe, POLLIN, PollSet } from '../../src/native/libc.ts'
import { fileLimit, setFileLimit } from '../../src/native/process.ts'
import { openPty, readMaster, setWindowSize, windowSize, writeMaster } from '../../src/native/pty.ts'
import { until } from '../support/until.ts'

const POLLHUP = 0x010

const flagsOf = (fd: number): number =>
  Number.parseInt(/^flags:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0', 8)

const memory = Buffer.alloc(8192)
const read = (master: number): string => {
  const got = readMaster(master, addressOf(memory), memory.byteLength)
  return typeof got === 'number' ? memory.toString('latin1', 0, got) : got
}

t.test('a pair: sizes at both ends, close-on-exec, a master that never waits', async (t) => {
  const { master, slave, path } = openPty({ cols: 81, rows: 25 })
  t.match(path, /^\/dev\/pts\/\d+$/)
  t.same(windowSize(master), { cols: 81, rows: 25 })
  setWindowSize(slave, { cols: 1, rows: 1000 })
  t.same(windowSize(master), { cols: 1, rows: 1000 })
  t.equal(flagsOf(master) & 0o2004000, 0o2004000, 'O_CLOEXEC and O_NONBLOCK')
  t.equal(flagsOf(slave) & 0o2000000, 0o2000000, 'O_CLOEXEC')
  closeSync(slave)
  closeSync(master)
})

t.test('reading: later, bytes, and over only once the buffer is empty', async (t) => {
  const { master, slave } = openPty({ cols: 80, rows: 24 })
  t.equal(read(master), 'later')
  writeSync(slave, 'one\n')
  closeSync(slave)
  t.equal(read(master), 'one\r\n')
  t.equal(read(master), 'over')
  closeSync(master)
  t.throws(() => read(master), { code: 'EBADF' })
})

t.test(
  'writing: as much as fits, then later; what is typed is echoed, a character of UTF-8 erased as one',
  async (t) => {
    const { master, slave } = openPty({ cols: 80, rows: 24 })
    const write = (bytes: Buffer) => writeMaster(master, addressOf(bytes), bytes.byteLength)
    t.equal(write(Buffer.from('é\x7fx\n')), 5)
    let echoed = ''
    await until('the line is echoed', () => {
      const more = read(master)
      if (more !== 'later') echoed += more
      return echoed.endsWith('\n')
    })
    t.equal(echoed, 'Ã©\b \bx\r\n')
    let total = 0
    const lines = Buffer.alloc(4096, '\n')
    for (let moved = write(lines); typeof moved === 'number'; moved = write(lines)) total += moved
    t.ok(total >= 4096 && total < 100_000, `${total} bytes fit`)
    closeSync(slave)
    closeSync(master)
  },
)

t.test('a pair that cannot be opened leaves nothing open', async (t) => {
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  const limit = fileLimit(0)
  const probe = openPipe()
  closeSync(probe.writer)
  // The master fits, the slave does not.
  setFileLimit(0, { soft: BigInt(probe.writer + 1), hard: limit.hard })
  try {
    t.throws(() => openPty({ cols: 80, rows: 24 }), { code: 'EMFILE' })
  } finally {
    setFileLimit(0, limit)
  }
  closeSync(probe.reader)
  t.equal(open(), before)
})

t.test('a poll set waits for those with events, and passes over the rest', async (t) => {
  const set = new PollSet()
  const pipes = Array.from({ length: 40 }, () => openPipe())
  for (const { writer } of pipes) closeSync(writer)
  for (const { reader } of pipes) set.add(reader, 0)
  set.wait(1)
  t.equal(set.reported(3), 0, 'hung up, but not asked')
  set.clear()
  for (const { reader } of pipes) set.add(reader, POLLIN)
  set.wait(-1)
  t.ok(pipes.every((_, entry) => set.reported(entry) === POLLHUP))
  for (const { reader } of pipes) closeSync(reader)
})
