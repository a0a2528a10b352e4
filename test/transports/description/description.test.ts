// The API description as made from the whole catalogue: accepted by a public validator, complete, with examples
// that fit, and a schema for everything.

import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { catalog, catalogWith } from '../../../src/catalog.ts'
import { configSchema } from '../../../src/config/config-schema.ts'
import { ByteStream, type Call, type Operation } from '../../../src/operation.ts'
import { fixed } from '../../../src/shelf.ts'
import { describing } from '../../../src/transports/description/description.ts'
import { endpointsOf, fieldsOf, objectOf } from '../../../src/transports/description/endpoint.ts'
import { openChecker } from '../../support/json-schema.ts'

const CALL = {} as Call // nothing here looks at it

function described(offered: readonly Operation[]) {
  const { operations, kind } = describing({ catalog: fixed(offered), version: '1.2.3', config: configSchema })
  const run = async (name: string, input: Readonly<Record<string, unknown>>) => {
    const value = await operations.find((op) => op.name === name)?.run(input, CALL)
    if (!(value instanceof ByteStream)) return value
    let text = ''
    for await (const chunk of value.chunks) text += Buffer.from(chunk).toString()
    return { ...value.head, text }
  }
  return { operations, kind, run }
}

const whole = described(catalog)
const everything = [...catalog, ...whole.operations].filter(({ routes }) => routes.length > 0)

// oxlint-disable-next-line typescript/no-explicit-any -- a document of any shape; the tests say what they expect
const documentOf = async (one: typeof whole): Promise<any> =>
  JSON.parse(((await one.run('openapi', {})) as { text: string }).text)

t.test('a public validator accepts the document', async (t) => {
  const { valid, errors } = await new Validator().validate(await documentOf(whole))
  t.ok(valid, JSON.stringify(errors))
})

t.test('it has every route, each with an id of its own', async (t) => {
  const { paths, info } = await documentOf(whole)
  t.equal(info.version, '1.2.3')
  const endpoints = endpointsOf(everything)
  t.equal(new Set(endpoints.map(({ id }) => id)).size, endpoints.length)
  for (const { id, path, method } of endpoints) t.equal(paths[path]?.[method.toLowerCase()]?.operationId, id)
  for (const path of ['/ws', '/mcp', '/proxy']) t.ok(paths[path], path)
})

t.test('whatever it refers to is in it', async (t) => {
  const document = await documentOf(whole)
  const references = new Set(
    [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path),
  )
  t.ok(references.has('components/responses/404'))
  for (const path of references) {
    t.ok(
      path.split('/').reduce((at, key) => at?.[key], document),
      path,
    )
  }
})

t.test('a toolset that is off takes away tools, not routes', async (t) => {
  const { paths } = await documentOf(described(catalogWith([])))
  t.ok(paths['/files/move'])
  t.ok(paths['/terminals/{id}/resize'])
  t.match(Object.keys(paths['/terminals/{id}/input'].post.requestBody.content), [
    'application/json',
    'application/octet-stream',
    'text/plain',
  ])
})

t.test('the forms of fields and answers', async (t) => {
  const { paths, components } = await documentOf(whole)
  const parameter = (path: string, method: string, name: string) =>
    paths[path][method].parameters.find((one: { name: string }) => one.name === name)
  t.match(parameter('/files', 'get', 'ignore_patterns'), { in: 'query', style: 'form', explode: true })
  t.match(parameter('/exec/{id}', 'get', 'id'), { in: 'path', required: true, example: '17' })
  t.equal(parameter('/files/stream', 'get', 'nested'), undefined, 'settled by the route')
  t.match(parameter('/exec/stream', 'get', 'task_id').description, /Also taken: `id`/)
  t.same(Object.keys(paths['/exec'].post.responses[200].content), ['application/json', 'text/event-stream'])
  t.same(Object.keys(paths['/exec/stream'].post.responses[200].content), ['text/event-stream'])
  t.same(Object.keys(paths['/exec/{id}/input'].post.requestBody.content), ['application/octet-stream'])
  t.same(paths['/health'].get.security, [])
  t.same(paths['/files/read'].get.security, [{ bearer: ['files:read'] }])
  t.notMatch(JSON.stringify({ paths, components }), /"kind":/)
  t.same(components.schemas['exec_run.output'].properties.success, { const: true })
  t.ok(components.schemas['exec_run.output'].properties.ignored)
  t.notOk(components.schemas['health.output'].properties.success, 'the one answer without')
})

t.test('every operation has an example, and it fits', async (t) => {
  const checker = openChecker()
  for (const op of everything) {
    if (op.example === undefined) t.fail(`${op.name} has no example`)
    else t.equal(checker.refuse(objectOf(fieldsOf(op)), op.example), null, op.name)
  }
})

t.test('every schema compiles, under the name it is listed by', async (t) => {
  const { schemas } = (await whole.run('schema_list', {})) as { schemas: { name: string; path: string }[] }
  const checker = openChecker()
  for (const { name, path } of schemas) {
    const { text, headers } = (await whole.run('schema_get', { name })) as { text: string; headers: object }
    const schema = JSON.parse(text) as { $id: string }
    t.equal(`/schemas/${schema.$id}`, path)
    t.same(headers, { 'content-type': 'application/schema+json' })
    t.doesNotThrow(() => checker.refuse(schema, {}), name)
  }
  for (const name of ['config', 'error', 'file_read.input', 'file_read.output', 'exec_attach.input']) {
    t.ok(schemas.some((one) => one.name === name))
  }
  t.notOk(
    schemas.some(({ name }) => name === 'exec_attach.output'),
    'events are no JSON reply',
  )
})

t.test('the schema of the configuration file tells right from wrong', async (t) => {
  const { text } = (await whole.run('schema_get', { name: 'config.json' })) as { text: string }
  const schema = JSON.parse(text) as object
  const checker = openChecker()
  t.equal(
    checker.refuse(schema, { port: 9990, limits: { execs: 5 }, targets: { a: { url: 'http://b', token: 'c' } } }),
    null,
  )
  t.match(checker.refuse(schema, { prot: 9990 }), /additional properties/)
})

t.test('a schema that is not there', async (t) => {
  await t.rejects(whole.run('schema_get', { name: 'file_reed.input' }), {
    code: 'not_found',
    message: /did you mean "file_read.input"\?/,
  })
})
