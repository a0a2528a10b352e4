// The windows of paths and how changes in one window are merged. The test has the clock.

import t from 'tap'
import { renderChange, type Change, type Op, WINDOW_MS, Windows } from '../../../src/threads/watch/windows.ts'

function opened() {
  const out: Change[] = []
  const windows = new Windows((change) => out.push(change))
  const note = (path: string, op: Op, more: Partial<Change> & { at?: number } = {}) => {
    const { at = 0, ...rest } = more
    windows.note({ path, op, directory: false, ...rest }, at)
  }
  const told = () => out.map(({ op, path }) => `${op} ${path}`)
  return { windows, note, told, out }
}

t.test('the first change opens the window, later ones do not extend it, the last operation goes out', async (t) => {
  const { windows, note, told, out } = opened()
  note('/a', 'create')
  note('/a', 'write', { at: 49 })
  t.equal(windows.due, WINDOW_MS)
  windows.end(49, 9)
  t.same(told(), [])
  windows.end(50, 9)
  t.same(out, [{ path: '/a', op: 'write', directory: false, created: true, from: undefined }])
  t.equal(windows.due, undefined)
})

t.test('operations in one window', async (t) => {
  const cases: readonly (readonly [readonly Op[], Op])[] = [
    [['create', 'write', 'unknown'], 'write'],
    [['create', 'unknown'], 'create'],
    [['unknown', 'write'], 'write'],
    [['write', 'remove'], 'remove'],
    [['create', 'remove'], 'remove'],
    [['remove', 'create'], 'create'],
    [['write', 'rename'], 'rename'],
    [['rename', 'create', 'write'], 'write'],
  ]
  for (const [ops, last] of cases) {
    const { windows, note, told } = opened()
    for (const op of ops) note('/a', op)
    windows.flush()
    t.same(told(), [`${last} /a`], ops.join(', '))
  }
})

t.test('windows end in the order in which they opened, as many as there is room for', async (t) => {
  const { windows, note, told } = opened()
  for (const path of ['/c', '/a', '/b']) note(path, 'create')
  windows.end(50, 2)
  t.same(told(), ['create /c', 'create /a'])
  t.equal(windows.size, 1)
})

t.test('a directory that goes: removals below are told before it, nothing else is', async (t) => {
  const { windows, note, told } = opened()
  note('/d/new', 'create')
  note('/d/old', 'remove')
  note('/dx', 'create')
  note('/d', 'rename', { directory: true, to: '/e' })
  windows.flush()
  t.same(told(), ['remove /d/old', 'create /dx', 'rename /d'])
})

t.test('what takes the place of a directory: both are told', async (t) => {
  const { windows, note, told } = opened()
  note('/d', 'remove', { directory: true })
  note('/d', 'create', { directory: true, at: 10 })
  t.equal(windows.due, 60, 'a window of its own')
  windows.flush()
  t.same(told(), ['remove /d', 'create /d'])
})

t.test('the JSON of a change: only what there is to say, exact bytes beside what is not UTF-8', async (t) => {
  const parse = (change: Change) => JSON.parse(renderChange(change)) as unknown
  t.same(parse({ path: '/a', op: 'create', directory: false }), { path: '/a', op: 'create' })
  t.same(parse({ path: '/\0\xff/b', op: 'rename', directory: true, to: '/é' }), {
    path: '/\uFFFD/b',
    op: 'rename',
    directory: true,
    to: '/é',
    path_base64: Buffer.from('/\xff/b', 'latin1').toString('base64'),
  })
})
