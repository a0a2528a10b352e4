// Catalogues: the version rises with each change, listeners are told, and a clash is refused when a shelf is loaded.

import t from 'tap'
import { operation, type Operation, type Origin, type Route } from '../src/operation.ts'
import { Type } from '../src/schema.ts'
import { fixed, joined, narrowed, perVersion, Shelf } from '../src/shelf.ts'

interface More {
  readonly routes?: readonly Route<object>[]
  readonly origin?: Origin
  readonly open?: true
}

function op(name: string, more: More = {}) {
  const declared = operation({
    name,
    title: name,
    summary: name,
    scope: 'none',
    input: Type.Object({}),
    output: Type.Object({}),
    routes: [],
    run: () => Promise.resolve({}),
    ...more,
  })
  return declared as Operation
}

const names = (operations: readonly Operation[]) => operations.map(({ name }) => name)

t.test('shelves are joined in their order, and a change is told once', async (t) => {
  const shelf = new Shelf([op('b', { origin: 'workspace' })])
  using catalog = joined([fixed([op('a')]), shelf, fixed([op('z')])])
  t.same(names(catalog.list()), ['a', 'b', 'z'])
  let told = 0
  const listener = catalog.onChange(() => told++)
  const before = catalog.version
  shelf.replace([op('c', { origin: 'workspace' }), op('d', { origin: 'workspace' })])
  t.ok(catalog.version > before)
  t.equal(told, 1)
  t.same(names(catalog.list()), ['a', 'c', 'd', 'z'])
  t.equal(catalog.find('b'), undefined)
  t.equal(catalog.find('d')?.name, 'd')
  t.equal(catalog.find('constructor'), undefined)
  listener[Symbol.dispose]()
  shelf.replace([])
  t.equal(told, 1)
})

t.test('a projection is made anew after a change, and only then', async (t) => {
  const shelf = new Shelf()
  using catalog = joined([fixed([op('a'), op('b')]), shelf])
  const part = narrowed(catalog, ({ name }) => name !== 'b')
  let made = 0
  const list = perVersion(part, (operations) => {
    made++
    return names(operations)
  })
  t.same([list(), list()], [['a'], ['a']])
  t.equal(made, 1)
  shelf.replace([op('c')])
  t.same(list(), ['a', 'c'])
  t.equal(made, 2)
  t.equal(part.find('b'), undefined)
})

t.test('a clash is refused where a shelf is loaded, names both, and changes nothing', async (t) => {
  const route = { method: 'GET', path: '/things/:id' } as const
  const shelf = new Shelf([op('mine', { origin: 'workspace' })])
  const other = new Shelf([op('theirs', { origin: { upstream: 'github' } })])
  using inner = joined([fixed([op('file_read', { routes: [route] }), op('hidden')]), shelf, other])
  // The inner catalogue is again a shelf, shown in part; a hidden operation still has its name.
  using outer = joined([narrowed(inner, ({ name }) => name !== 'hidden'), fixed([op('openapi')])])
  const version = outer.version
  for (const [wrong, sentence] of [
    [
      op('file_read', { origin: 'workspace' }),
      /"file_read" of the workspace is not loaded: its name is that of "file_read" of the product/,
    ],
    [
      op('openapi', { origin: 'workspace' }),
      /"openapi" of the (workspace|product) is not loaded: its name is that of "openapi"/,
    ],
    [op('theirs', { origin: 'workspace' }), /"theirs" of the (workspace|server github) is not loaded: .*"theirs"/],
    [op('hidden', { origin: 'workspace' }), /its name is that of "hidden" of the product/],
    [
      op('new', { origin: 'workspace', routes: [{ method: 'GET', path: '/things/:other' }] }),
      /"new" of the workspace is not loaded: its route GET \/things\/:other is that of "file_read" of the product/,
    ],
    [op('open', { origin: 'workspace', open: true }), /only operations of the product may be open/],
    [
      op('dead', { origin: 'workspace', routes: [{ method: 'GET', path: '/proxy/x' }] }),
      /the daemon itself answers at/,
    ],
  ] as const) {
    t.throws(() => shelf.replace([wrong]), { code: 'conflict', message: sentence }, wrong.name)
  }
  t.throws(() => shelf.replace([op('two words')]), { code: 'bad_request', message: /"two words"/ })
  t.throws(() => shelf.replace([op('twice'), op('twice')]), { code: 'conflict' })
  t.throws(() => joined([fixed([op('a')]), fixed([op('a')])]), { code: 'conflict' })
  t.equal(outer.version, version)
  t.same(names(outer.list()), ['file_read', 'mine', 'theirs', 'openapi'])
})

t.test('a catalogue has a limit', async (t) => {
  const many = Array.from({ length: 2001 }, (_, i) => op(`tool_${i}`, { origin: 'workspace' }))
  const shelf = new Shelf()
  t.throws(() => shelf.replace(many), { code: 'bad_request', message: /2001 operations/ })
  shelf.replace(many.slice(1))
  using catalog = joined([fixed([]), shelf])
  t.equal(catalog.list().length, 2000)
})
