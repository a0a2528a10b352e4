// A page uploads an archive from another origin, as a real browser lets it (protocol.md#cors): with the headers
// Authorization and Content-Type application/gzip, cookies off. A page that is not on the list cannot, and neither
// reads what it may not.

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { create } from 'tar'
import t, { type Test } from 'tap'
import { NO_CHROMIUM, openPage } from '../support/browser.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

interface Site {
  readonly origin: string
  /** What the script of the page at `/?…` has told. */
  outcome(script: string): Promise<unknown>
}

/** A small site: a page per script, the archive, and a place where the page tells what came of it. */
async function openSite(t: Test, archive: Buffer): Promise<Site> {
  const told = new Map<string, (value: unknown) => void>()
  const scripts = new Map<string, string>()
  const answer = async (request: IncomingMessage): Promise<[string, string | Buffer]> => {
    const path = request.url ?? '/'
    const tell = told.get(path)
    if (request.method === 'POST' && tell !== undefined) tell(JSON.parse((await buffer(request)).toString()))
    if (path === '/archive') return ['application/gzip', archive]
    const script = scripts.get(path)
    return ['text/html', script === undefined ? '' : page(script)]
  }
  const server = createServer((request, response) => {
    void answer(request).then(([type, body]) => response.setHeader('content-type', type).end(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // of a TCP server
  return {
    origin,
    async outcome(script) {
      const path = `/page-${scripts.size}`
      scripts.set(path, script)
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      told.set(path, resolve)
      const said = openPage(t, origin + path)
      const late = setTimeout(() => reject(new Error(`the page has not told anything: ${said()}`)), 60_000)
      return await promise.finally(() => clearTimeout(late))
    },
  }
}

const page = (script: string) => `<!doctype html><meta charset="utf-8"><script type="module">
const work = async () => { ${script} }
const outcome = await work().catch((error) => ({ failed: String(error) }))
await fetch(location.href, { method: 'POST', body: JSON.stringify(outcome) })
</script>`

/** What the page of a client does (protocol.md#cors), and then tries to read a file. */
const upload = (daemon: Daemon, directory: string) => `
  const archive = await (await fetch('/archive')).blob()
  const reply = await fetch(${JSON.stringify(`${daemon.url}/files/transfer/upload?dest=${encodeURIComponent(directory)}`)}, {
    method: 'POST',
    credentials: 'omit',
    headers: { Authorization: 'Bearer ${TOKEN}', 'Content-Type': 'application/gzip' },
    body: archive,
  })
  return { status: reply.status, request: reply.headers.has('x-request-id'), body: await reply.json() }`

const get = (daemon: Daemon, token: string) => `
  const reply = await fetch('${daemon.url}/runtime', { headers: { Authorization: 'Bearer ${token}' } })
  return { status: reply.status, body: await reply.json() }`

async function packed(t: Test): Promise<Buffer> {
  const dir = t.testdir({ 'index.html': '<p>hello</p>', assets: { 'app.js': 'run()' } })
  const pieces: Uint8Array[] = []
  for await (const piece of create({ gzip: true, cwd: dir }, ['index.html', 'assets'])) pieces.push(piece)
  return Buffer.concat(pieces)
}

t.test('a page of another origin uploads an archive', { skip: NO_CHROMIUM }, async (t) => {
  const archive = await packed(t)
  const listed = await openSite(t, archive)
  const stranger = await openSite(t, archive)
  const daemon = await startDaemon(t, { config: { cors: { origins: [listed.origin] } } })
  const place = (name: string) => join(daemon.directory, name)

  t.match(await listed.outcome(upload(daemon, place('app'))), {
    status: 200,
    request: true,
    body: { success: true, dest: place('app'), files_extracted: 2 },
  })
  t.equal(readFileSync(place('app/assets/app.js'), 'utf8'), 'run()')
  const refusal = { status: 401, body: { success: false, code: 'unauthorized' } }
  t.match(await listed.outcome(get(daemon, 'wrong')), refusal, 'refusals can be read too')

  t.match(await stranger.outcome(upload(daemon, place('other'))), { failed: /TypeError/ })
  t.notOk(existsSync(place('other')))
  t.match(await stranger.outcome(get(daemon, TOKEN)), { failed: /TypeError/ }, 'nothing can be read')
})
