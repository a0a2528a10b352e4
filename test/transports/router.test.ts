// Routes come from the catalogue; literals win over parameters (protocol.md#conventions).

import t from 'tap'
import { operation, type Operation, type Route } from '../../src/operation.ts'
import { fixed } from '../../src/shelf.ts'
import { Type } from '../../src/schema.ts'
import { openRouter } from '../../src/transports/router.ts'

function op(name: string, ...routes: readonly Route<object>[]): Operation {
  return operation({
    name,
    title: name,
    summary: name,
    scope: 'none',
    input: Type.Object({}),
    output: Type.Object({}),
    routes,
    run: () => Promise.resolve({}),
  })
}

const router = openRouter(
  fixed([
    op('get', { method: 'GET', path: '/exec/:id' }),
    op('input', { method: 'POST', path: '/exec/:id/input' }),
    op('attach', { method: 'GET', path: '/exec/stream' }),
    op('delete', { method: 'DELETE', path: '/exec/:id' }),
  ]),
)

const found = (method: string, path: string): unknown => {
  const match = router.find(method, path)
  if (match === undefined) return 'nothing'
  return 'allow' in match ? match.allow : [match.op.name, match.parameters]
}

t.test('literals before parameters, whatever the order of declaration', async (t) => {
  t.strictSame(found('GET', '/exec/stream'), ['attach', {}])
  t.strictSame(found('GET', '/exec/7'), ['get', { id: '7' }])
  t.strictSame(found('POST', '/exec/7/input'), ['input', { id: '7' }])
  t.strictSame(found('GET', '/exec/a%20b'), ['get', { id: 'a b' }])
})

t.test('other methods are named, other paths are nothing', async (t) => {
  t.strictSame(found('PUT', '/exec/7'), ['GET', 'DELETE'])
  for (const path of ['/', '/exec', '/exec/', '/exec/%zz', '/exec/7/', '//exec', '/constructor', '/exec/7/input/x']) {
    t.equal(found('GET', path), 'nothing', path)
  }
})

t.test('one route is declared once', async (t) => {
  const route = { method: 'GET', path: '/a' } as const
  t.throws(
    () => fixed([op('a', route), op('b', route)]),
    /"b" of the product is not loaded: its route GET \/a is that of "a" of the product/,
  )
})
