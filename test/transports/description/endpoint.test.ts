// Where the fields of an operation travel, by route.

import t from 'tap'
import { operation, type Operation, type Route } from '../../../src/operation.ts'
import { flag, text, Type } from '../../../src/schema.ts'
import { endpointsOf, fieldsOf } from '../../../src/transports/description/endpoint.ts'

type Input = { id: string; name: string; loud: boolean; tag: string }

function thing(routes: readonly Route<Input>[], statuses: readonly number[] = []) {
  return operation({
    name: 'thing_do',
    title: 'Do',
    summary: 'Does.',
    scope: 'none',
    input: Type.Object({
      id: text('An id.'),
      name: text('A name.'),
      loud: flag('Loud.', false),
      tag: text('A tag.', { default: '' }),
    }),
    output: Type.Object({}),
    aliases: { called: 'name' },
    routes,
    statuses,
    example: {},
    run: () => Promise.resolve({}),
  }) as unknown as Operation
}

const places = (route: Route<Input>) => {
  const [endpoint] = endpointsOf([thing([route])])
  const body = endpoint?.body
  return {
    parameters: endpoint?.parameters.map(({ name, place }) => `${place} ${name}`),
    body: body?.form === 'json' ? body.fields.map(({ name }) => name) : body?.form,
  }
}

t.test('GET and DELETE: the query', async (t) => {
  const parameters = ['path id', 'query name', 'query loud', 'query tag']
  t.same(places({ method: 'GET', path: '/things/:id' }), { parameters, body: undefined })
  t.same(places({ method: 'DELETE', path: '/things/:id' }), { parameters, body: undefined })
})

t.test('POST: the body, less what the path and the headers have', async (t) => {
  t.same(places({ method: 'POST', path: '/things/:id', headers: { 'x-tag': 'tag' } }), {
    parameters: ['path id', 'header x-tag'],
    body: ['name', 'loud'],
  })
})

t.test('a body of bytes leaves the query', async (t) => {
  t.same(places({ method: 'PUT', path: '/things', body: 'bytes' }), {
    parameters: ['query id', 'query name', 'query loud', 'query tag'],
    body: 'bytes',
  })
})

t.test('what the route settles is no field of it', async (t) => {
  t.same(places({ method: 'GET', path: '/things', fixed: { loud: true, tag: '' } }).parameters, [
    'query id',
    'query name',
  ])
})

t.test('a header that OpenAPI keeps to itself is told by the media types', async (t) => {
  t.same(places({ method: 'POST', path: '/things/:id', headers: { accept: 'tag' } }), {
    parameters: ['path id'],
    body: ['name', 'loud'],
  })
})

t.test('ids of further routes', async (t) => {
  const routes: Route<Input>[] = [
    { method: 'GET', path: '/things' },
    { method: 'POST', path: '/things' },
    { method: 'GET', path: '/things/all' },
    { method: 'POST', path: '/things/all/:id' },
  ]
  t.same(
    endpointsOf([thing(routes)]).map(({ id }) => id),
    ['thing_do', 'thing_do_post', 'thing_do_all', 'thing_do_post_all_id'],
  )
})

t.test('statuses', async (t) => {
  const [endpoint] = endpointsOf([thing([{ method: 'PUT', path: '/things', status: 201 }], [404, 206, 304, 412])])
  t.same(endpoint?.successes, [201, 206, 304])
  t.same(endpoint?.faults, [400, 401, 403, 404, 412, 413, 415, 429, 500, 503])
  const [bare] = endpointsOf([thing([{ method: 'GET', path: '/things' }])])
  t.notOk(
    bare?.faults.some((status) => status === 413 || status === 415),
    'nothing is sent',
  )
})

t.test('fields', async (t) => {
  const [id, name, loud, tag] = fieldsOf(thing([]))
  t.match(id, { required: true, aliases: [] })
  t.match(name, { required: true, aliases: ['called'] })
  t.match(loud, { required: false, schema: { default: false } })
  t.match(tag, { required: false })
})
