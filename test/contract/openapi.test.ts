// The API description against the running daemon: each example is sent over each of its routes, and the answer is one
// that the description has. Only ids, places and bodies are those of this run.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { create } from 'tar'
import { TOOLSETS } from '../../src/catalog.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { openChecker, type Checker } from '../support/json-schema.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly example?: unknown
}

type Content = Readonly<Record<string, { readonly schema?: object; readonly example?: Fields }>>
type Fields = Readonly<Record<string, unknown>>

interface Described {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content; readonly $ref?: string }>>
}

interface Route {
  readonly method: string
  readonly path: string
  readonly described: Described
}

let daemon: Daemon
let routes: readonly Route[]
let checker: Checker
let root: string
let application: number

t.before(async () => {
  root = t.testdir()
  daemon = await startDaemon(t, { config: { toolsets: TOOLSETS } })
  const { status, body } = await daemon.call('GET', '/openapi.json')
  t.equal(status, 200)
  checker = openChecker(body)
  const paths = body.paths as Readonly<Record<string, Readonly<Record<string, Described>>>>
  routes = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, described]) => ({ method: method.toUpperCase(), path, described })),
  )
  application = await serveApplication()
})

/** What the proxy leads to. */
async function serveApplication(): Promise<number> {
  const server = createServer((_, response) => response.end('an application'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** What the paths of the examples lead to, anew for each of them. */
const FILES = ['app/package.json', 'app/src/main.ts', 'app/old/notes.txt', 'app/assets/logo.png']

function makeFiles(): void {
  rmSync(join(root, 'app'), { recursive: true, force: true })
  for (const file of FILES) {
    mkdirSync(join(root, dirname(file)), { recursive: true })
    writeFileSync(join(root, file), 'TODO: one line\nand another\n')
  }
}

const started = async (command: readonly string[]) =>
  (await daemon.call('POST', '/exec', { command })).body.id as string

const terminal = async () => ({ id: (await daemon.call('POST', '/terminals', { command: ['cat'] })).body.id as string })

async function watcher() {
  const { body } = await daemon.call('POST', '/watchers', { path: join(root, 'app') })
  writeFileSync(join(root, 'app/new.txt'), 'what the watcher tells of')
  return { id: body.id as string, since: body.cursor as string }
}

/** What stands in for the ids of an example, by the operation's name: things that are there. */
const STANDINS: Readonly<Record<string, () => Promise<Fields>>> = {
  exec_get: async () => ({ id: await started(['echo', 'done']) }),
  exec_delete: async () => ({ id: await started(['echo', 'done']) }),
  exec_attach: async () => ({ task_id: await started(['echo', 'done']) }),
  async exec_input() {
    const { body } = await daemon.call('POST', '/exec', { command: ['cat'], background: true })
    return { id: body.id as string }
  },
  terminal_scrollback: terminal,
  terminal_scrollback_resize: terminal,
  terminal_scrollback_clear: terminal,
  terminal_input: terminal,
  terminal_resize: terminal,
  terminal_delete: terminal,
  watcher_get: watcher,
  watcher_delete: watcher,
}

/** Bodies that are not any bytes. */
const BODIES: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  async transfer_upload() {
    const pieces: Uint8Array[] = []
    for await (const piece of create({ gzip: true, cwd: root }, ['app'])) pieces.push(piece)
    return Buffer.concat(pieces)
  },
}

/** Answers other than a success that an example gets, with the reason. */
const REFUSED: Readonly<Record<string, number>> = {
  desktop_use: 501, // protocol.md#desktop: this release has no desktop
  ws: 426, // asked without an upgrade
}

/** An example's paths, below the directory of this test. */
function placed(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('/app') ? join(root, value) : value
  if (Array.isArray(value)) return value.map(placed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, placed(item)]))
}

/** The name of the operation: further routes of one have a suffix. */
const nameIn = (table: object, { operationId }: Described): string | undefined =>
  Object.keys(table)
    .filter((name) => operationId === name || operationId.startsWith(`${name}_`))
    .toSorted((a, b) => b.length - a.length)[0]

async function send({ method, path, described }: Route): Promise<Response> {
  makeFiles()
  const name = nameIn(STANDINS, described)
  const standins = (name === undefined ? undefined : await STANDINS[name]?.()) ?? {}
  const url = new URL(path, daemon.url)
  const headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }
  for (const { name, in: place, example } of described.parameters ?? []) {
    if (example === undefined) continue
    const value = name === 'X-Oblien-Proxy-Target' ? application : (standins[name] ?? placed(example))
    if (place === 'path') url.pathname = url.pathname.replace(`%7B${name}%7D`, encodeURIComponent(String(value)))
    else if (place === 'header') headers[name] = String(value)
    else for (const one of [value].flat()) url.searchParams.append(name, String(one))
  }
  const body = await bodyOf(described, standins)
  if (body !== undefined)
    headers['content-type'] = typeof body === 'string' ? 'application/json' : 'application/octet-stream'
  return await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(body !== undefined && { body }),
  })
}

async function bodyOf(described: Described, standins: Fields): Promise<string | Uint8Array | undefined> {
  const content = described.requestBody?.content
  if (content === undefined) return undefined
  const json = content['application/json']
  if (json === undefined) return (await BODIES[described.operationId]?.()) ?? Buffer.from('any bytes')
  const fields = Object.entries(json.example ?? {})
  return JSON.stringify(Object.fromEntries(fields.map(([name, value]) => [name, standins[name] ?? placed(value)])))
}

/** Commands, terminals and watchers of one example are not in the way of the next. */
async function cleared(): Promise<void> {
  await daemon.call('DELETE', '/exec')
  for (const kind of ['terminals', 'watchers']) {
    const { body } = await daemon.call('GET', `/${kind}`)
    for (const { id } of body[kind] as { id: string }[]) await daemon.call('DELETE', `/${kind}/${id}`)
  }
}

const mediaType = (response: Response) => (response.headers.get('content-type') ?? '').split(';', 1)[0] ?? ''

/** That the status, the media type and the body are among those described. */
async function agrees(t: Test, route: Route, response: Response): Promise<void> {
  const { described, path, method } = route
  const bytes = new Uint8Array(await response.arrayBuffer())
  const status = response.status in described.responses ? String(response.status) : 'default'
  const answer = described.responses[status]
  const text = Buffer.from(bytes).toString()
  const type = mediaType(response)
  // Faults are shared, all of the same form.
  const content = answer?.$ref === undefined ? answer?.content : { 'application/json': {} }
  const key = [type, `${type.split('/', 1)[0]}/*`, '*/*'].find((one) => content !== undefined && one in content)
  if (answer === undefined) t.fail(`${response.status} is not described: ${text.slice(0, 300)}`)
  else if (content === undefined) t.equal(bytes.byteLength, 0, 'no body')
  else if (key === undefined) t.fail(`${type} is not described for ${response.status}`)
  else if (type === 'application/json' && key === type) {
    const pointer = (answer.$ref ?? `#/paths/${escaped(path)}/${method.toLowerCase()}/responses/${status}`).slice(1)
    const schema = { $ref: `document#${pointer}/content/${escaped(key)}/schema` }
    t.equal(checker.refuse(schema, JSON.parse(text)), null, 'the body is as described')
  }
}

const escaped = (key: string) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))

t.test('every example gets the answer that is described', async (t) => {
  for (const route of routes) {
    await t.test(`${route.method} ${route.path}`, async (t) => {
      const response = await send(route)
      const refused = REFUSED[nameIn(REFUSED, route.described) ?? '']
      const text = response.ok || refused !== undefined ? '' : await response.clone().text()
      if (refused === undefined) t.ok(response.status < 400, `${response.status} ${text}`)
      else t.equal(response.status, refused)
      await agrees(t, route, response)
      await cleared()
    })
  }
})

t.test('what lacks a required field is refused as described', async (t) => {
  for (const route of routes) {
    const { parameters = [], requestBody } = route.described
    if (parameters.some((one) => one.in === 'path')) continue
    if (requestBody?.required !== true && !parameters.some(({ required }) => required === true)) continue
    if (route.path === '/mcp') continue // JSON-RPC has errors of its own
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
    const body = requestBody === undefined ? {} : { body: '{}' }
    const response = await fetch(new URL(route.path, daemon.url), { method: route.method, headers, ...body })
    t.equal(response.status, 400, route.described.operationId)
    await agrees(t, route, response)
  }
})

t.test('without a credential nothing is described but health', async (t) => {
  for (const route of routes) {
    if (route.path === '/ws') continue // asked as an upgrade; see the upgrade's own tests
    const response = await fetch(new URL(route.path, daemon.url), { method: route.method })
    if (route.path === '/health') t.equal(response.status, 200)
    else {
      t.equal(response.status, 401, `${route.method} ${route.path}`)
      if (route.method !== 'HEAD' && route.path !== '/proxy') await agrees(t, route, response)
      else await response.arrayBuffer()
    }
  }
})

t.test('schemas are served by their address', async (t) => {
  const list = await daemon.call('GET', '/schemas')
  t.equal(list.status, 200)
  const config = (list.body.schemas as { name: string; path: string }[]).find(({ name }) => name === 'config')
  const { status, headers, body } = await daemon.call('GET', config?.path ?? '')
  t.equal(status, 200)
  t.equal(headers.get('content-type'), 'application/schema+json')
  t.match(body, { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: 'config', additionalProperties: false })
  t.equal((await daemon.call('GET', '/schemas/nothing')).status, 404)
  t.equal((await daemon.call('GET', '/runtimes/local/schemas/error')).status, 200)
})

t.test('MCP hands out the same document', async (t) => {
  const message = { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'runtime://openapi' } }
  const { body } = await daemon.call('POST', '/mcp', message)
  const rest = await fetch(new URL('/openapi.json', daemon.url), { headers: { authorization: `Bearer ${TOKEN}` } })
  t.equal(mediaType(rest), 'application/openapi+json')
  t.match(body.result.contents, [{ uri: 'runtime://openapi', mimeType: 'application/openapi+json' }])
  t.equal(body.result.contents[0].text, await rest.text())
})
