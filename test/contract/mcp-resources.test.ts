// Resources, prompts, completions and subscriptions of the running daemon, through the public clients.

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Client as SecondClient, StreamableHTTPClientTransport as SecondTransport } from '@modelcontextprotocol/client'
import { Client as FirstClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as FirstTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const NAME = { name: 'contract-test', version: '0.0.0' }
const BEARER = { requestInit: { headers: { Authorization: `Bearer ${TOKEN}` } } }

type Asking = Pick<
  SecondClient,
  'listResources' | 'listResourceTemplates' | 'readResource' | 'listPrompts' | 'getPrompt' | 'complete' | 'callTool'
>

async function first(t: Test, url: URL): Promise<Asking> {
  const client = new FirstClient(NAME)
  await client.connect(new FirstTransport(url, BEARER))
  t.teardown(() => client.close())
  return client as unknown as Asking // the two differ in the types of what is not used here
}

async function second(t: Test, url: URL, mode: 'legacy' | 'auto'): Promise<SecondClient> {
  const client = new SecondClient(NAME, { versionNegotiation: { mode } })
  await client.connect(new SecondTransport(url, BEARER))
  t.teardown(() => client.close())
  return client
}

const CLIENTS: readonly (readonly [string, (t: Test, url: URL) => Promise<Asking>])[] = [
  ['sdk 1', first],
  ['client 2, legacy', (t, url) => second(t, url, 'legacy')],
  ['client 2, modern', (t, url) => second(t, url, 'auto')],
]

let daemon: Daemon
let prompts: string

t.before(async () => {
  prompts = t.testdir({ 'explore.md': 'Explore {{part}} of this workspace.' })
  daemon = await startDaemon(t, { config: { mcp: { prompts } } })
})

const at = () => new URL('/mcp', daemon.url)

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

for (const [label, connect] of CLIENTS) {
  t.test(`${label}: lists, reads and completes`, async (t) => {
    const client = await connect(t, at())
    const folder = join(daemon.directory, label.replaceAll(/\W/g, '-'))
    mkdirSync(folder)
    writeFileSync(join(folder, 'ä b.md'), '# α\n')
    writeFileSync(join(folder, 'bytes'), Buffer.from([0xff, 0, 1]))
    const run = (await client.callTool({ name: 'exec_run', arguments: { command: ['echo', 'out'] } })) as {
      structuredContent: { id: string }
    }
    const { id } = run.structuredContent

    const { resources } = await client.listResources()
    const uris = resources.map(({ uri }) => uri)
    t.same(uris.slice(0, 2), ['runtime://guide', 'runtime://info'])
    t.ok(uris.includes(`exec://${id}/stdout`))
    t.same(
      (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
      ['file:///{path}', 'exec://{id}/stdout', 'exec://{id}/stderr', 'terminal://{id}/scrollback'],
    )
    const read = async (uri: string) => (await client.readResource({ uri })).contents
    t.match(await read('runtime://guide'), [{ mimeType: 'text/markdown', text: /\*\*file_read\*\* \(path\*/ }])
    t.match(JSON.parse(((await read('runtime://info'))[0] as { text: string }).text), { os: 'linux', workdir: String })
    const file = pathToFileURL(join(folder, 'ä b.md')).href
    t.match(await read(file), [{ uri: file, mimeType: 'text/markdown', text: '# α\n' }])
    t.match(await read(pathToFileURL(join(folder, 'bytes')).href), [
      { mimeType: 'application/octet-stream', blob: '/wAB' },
    ])
    t.match(await read(`exec://${id}/stdout`), [{ mimeType: 'text/plain', text: 'out\n' }])
    t.match(await read(`exec://${id}/stderr`), [{ text: '' }])
    for (const uri of ['file:///does/not/exist', 'exec://0/stdout', 'terminal://255/scrollback', 'x://y', folder]) {
      t.match(await refusal(client.readResource({ uri })), { code: -32602, data: { uri } })
    }

    t.match((await client.listPrompts()).prompts, [{ name: 'explore', arguments: [{ name: 'part', required: true }] }])
    const { messages } = await client.getPrompt({ name: 'explore', arguments: { part: 'src' } })
    t.match(messages, [{ role: 'user', content: { type: 'text', text: 'Explore src of this workspace.' } }])
    t.match(await refusal(client.getPrompt({ name: 'explore' })), { code: -32602, message: /"part"/ })
    t.match(await refusal(client.getPrompt({ name: 'nothing' })), { code: -32602 })

    const complete = async (uri: string, name: string, value: string) =>
      (await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value } })).completion.values
    const start = folder.slice(1)
    t.same(await complete('file:///{path}', 'path', `${start}/`), [`${start}/bytes`, `${start}/ä b.md`])
    t.same(await complete('file:///{path}', 'path', `${start}/b`), [`${start}/bytes`])
    t.same(await complete('file:///{path}', 'path', start.slice(0, -1)).then((all) => all.includes(`${start}/`)), true)
    t.ok((await complete('exec://{id}/stdout', 'id', '')).includes(id))
    t.same(await complete('exec://{id}/stdout', 'other', ''), [])
    t.same(await complete('nothing://{id}', 'id', ''), [])
  })
}

t.test('a long file arrives whole where the client takes it', async (t) => {
  const path = join(daemon.directory, 'long.txt')
  const text = '"line" ä\u{1f600}\n'.repeat(300_000)
  writeFileSync(path, text)
  const client = await second(t, new URL('/mcp?max_result_bytes=16777216', daemon.url), 'auto')
  const { contents } = await client.readResource({ uri: pathToFileURL(path).href })
  t.ok((contents[0] as { text: string }).text === text)
})

t.test('modern: a subscription to a file tells of its change, and of the list of prompts', async (t) => {
  const client = await second(t, at(), 'auto')
  const told: string[] = []
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => void told.push(params.uri))
  client.setNotificationHandler('notifications/prompts/list_changed', () => void told.push('prompts'))
  const path = join(daemon.directory, 'watched.txt')
  writeFileSync(path, '1')
  const uri = pathToFileURL(path).href
  const subscription = await client.listen({
    promptsListChanged: true,
    toolsListChanged: true,
    resourceSubscriptions: [uri, 'file:///does/not/exist/there', 'exec://1/stdout'],
  })
  t.same(subscription.honoredFilter, {
    toolsListChanged: true,
    promptsListChanged: true,
    resourceSubscriptions: [uri],
  })
  await client.callTool({ name: 'file_write', arguments: { path, content: '2' } })
  await until('the change is told', () => told.includes(uri))
  t.same([...new Set(told)], [uri])
  writeFileSync(join(prompts, 'new.md'), 'Another.')
  await until('the new prompt is told', () => told.includes('prompts'))
  await subscription.close()
})

t.test('modern: a subscription to a directory tells of files and directories that come and go in it', async (t) => {
  const client = await second(t, at(), 'auto')
  const told: string[] = []
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => void told.push(params.uri))
  const path = join(daemon.directory, 'listened')
  mkdirSync(path)
  const uri = pathToFileURL(path).href
  const subscription = await client.listen({ resourceSubscriptions: [uri] })
  for (const change of [
    () => mkdirSync(join(path, 'below')),
    () => writeFileSync(join(path, 'file'), '1'),
    () => rmdirSync(join(path, 'below')),
  ]) {
    told.length = 0
    change()
    await until(`${change.toString()} is told`, () => told.includes(uri))
  }
  await subscription.close()
})

t.test('a daemon that stops ends subscriptions in order, and does not wait for them', async (t) => {
  const stopping = await startDaemon(t)
  const client = await second(t, new URL('/mcp', stopping.url), 'auto')
  const path = join(stopping.directory, 'file')
  const subscription = await client.listen({ resourceSubscriptions: [pathToFileURL(path).href] })
  t.same(subscription.honoredFilter, { resourceSubscriptions: [pathToFileURL(path).href] })
  t.equal(await stopping.stop(), 0)
  t.equal(await subscription.closed, 'graceful')
})

t.test('the older revisions declare no subscriptions, and refuse them', async (t) => {
  const { body } = await daemon.call('POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })
  t.same(body.result.capabilities, { tools: {}, completions: {}, resources: {}, prompts: {}, logging: {} })
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'file:///etc/hosts' } }
  t.match((await daemon.call('POST', '/mcp', subscribe)).body, { error: { code: -32601 } })
})
