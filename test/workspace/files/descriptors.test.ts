// A write that finds no descriptor at any of its steps is refused and has changed nothing (Z-01): what
// is refused is not there, and what is there was not refused.

import { existsSync, fstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Fault } from '../../../src/base/fault.ts'
import { fileLimit, setFileLimit } from '../../../src/native/process.ts'
import { openMover } from '../../../src/workspace/files/moving/mover.ts'
import { desk } from '../../support/desk.ts'

/** More than a write needs. */
const FREE = 8

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

/** Lets this process open `free` more files while `work` runs. */
async function withFree<T>(free: number, work: () => Promise<T>): Promise<T> {
  const own = fileLimit(0)
  const open = readdirSync('/proc/self/fd').map(Number).filter(isOpen) // the listing has had one of its own
  // The limit is on the number of a descriptor, and the lowest free one is taken.
  const holes = Array.from({ length: Math.max(...open) }, (_, fd) => fd).filter((fd) => !open.includes(fd))
  const soft = holes.length > free ? (holes[free] ?? 0) : Math.max(...open) + 1 + free - holes.length
  setFileLimit(0, { ...own, soft: BigInt(soft) })
  try {
    return await work()
  } finally {
    setFileLimit(0, own)
  }
}

t.test('Z-01 a write without descriptors changes nothing', async (t) => {
  const { dir, write } = await desk(t, true)
  const path = join(dir, 'file')
  const outcomes = new Set<string>()
  const read = (): string | undefined => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  }
  for (const append of [false, true]) {
    for (let free = 0; free <= FREE; free++) {
      for (const content of [`first with ${free}\n`, `second with ${free}\n`]) {
        const before = read()
        const wanted = append ? `${before ?? ''}${content}` : content
        const outcome = await withFree(free, () => write(path, content, { append })).then(
          () => 'written',
          (error: unknown) => (error instanceof Fault ? error.code : String(error)),
        )
        outcomes.add(outcome)
        t.equal(
          read(),
          outcome === 'written' ? wanted : before,
          `${append ? 'append' : 'replace'} with ${free}: ${outcome}`,
        )
        t.same(
          readdirSync(dir).filter((name) => name.endsWith('~')),
          [],
          'no temporary file',
        )
      }
    }
  }
  t.same([...outcomes].sort(), ['unavailable', 'written'])
})

t.test('Z-01 the last descriptor goes to somebody else just before the file is replaced', async (t) => {
  const { dir, write } = await desk(t, true)
  const own = fileLimit(0)
  for (const append of [false, true]) {
    const path = join(dir, append ? 'new' : 'file')
    if (!append) await write(path, 'old')
    let asked = 0
    // Asked when the write begins, and again when everything is ready for its last step.
    const condition = async (): Promise<void> => {
      if (++asked === 2) setFileLimit(0, { ...own, soft: 0n })
    }
    const refused = await write(path, 'new', { append, condition }).then(
      () => undefined,
      (error: unknown) => error,
    )
    setFileLimit(0, own)
    // Replacing has all that it needs open by then; a new file to append to is still to be opened.
    if (append) t.match(refused, { code: 'unavailable' })
    else t.equal(refused, undefined)
    t.same(readdirSync(dir), ['file'])
    t.equal(readFileSync(join(dir, 'file'), 'utf8'), 'new')
  }
})

t.test('Z-01 the last descriptor goes to somebody else just before the file is moved', async (t) => {
  const { dir, write, writer } = await desk(t, true)
  const own = fileLimit(0)
  const alone: typeof writer.alone = (paths, act) =>
    writer.alone(paths, async () => {
      setFileLimit(0, { ...own, soft: 0n })
      return await act()
    })
  await using mover = openMover({ writer: { ...writer, alone }, durable: true, workdir: '/nowhere' })
  await write(join(dir, 'file'), 'content')
  const request = { path: join(dir, 'file'), to: join(dir, 'moved'), overwrite: false, createDirs: false }
  const moved = await mover.move(request, new AbortController().signal).then(
    () => true,
    () => false,
  )
  setFileLimit(0, own)
  t.equal(existsSync(request.to), moved)
  t.equal(existsSync(request.path), !moved)
})
