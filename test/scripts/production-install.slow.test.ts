// The sources with the packages of `npm ci --omit=dev` alone do the whole work: what only the tests need must not be
// needed by the daemon. The packages are linked from this checkout, so no registry is asked.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'

const ROOT = join(import.meta.dirname, '../..')

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>
}

/** A copy of the sources beside the runtime packages. */
function install(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'production-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const name of ['src', 'package.json', 'package-lock.json']) {
    cpSync(join(ROOT, name), join(directory, name), { recursive: true })
  }
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock // npm's own form
  const packages = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && dev !== true)
  for (const [path] of packages) {
    if (path.lastIndexOf('node_modules/') > 0 || !existsSync(join(ROOT, path))) continue // comes with its owner; of another platform
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    symlinkSync(join(ROOT, path), join(directory, path))
  }
  return directory
}

t.test('a production install does the main job', { timeout: 120_000 }, async (t) => {
  const directory = install(t)
  t.notOk(existsSync(join(directory, 'node_modules/tap')), 'no packages of the tests')
  const command = `node=$1; shift 2; exec "$node" --preserve-symlinks '${directory}/src/main.ts' "$@"`
  const daemon = await startDaemon(t, { fromSources: true, wrapper: ['sh', '-c', command, 'sh'] })
  const top = join(directory, 'work')
  mkdirSync(top)
  writeFileSync(join(top, 'link-me'), 'needle\n')
  symlinkSync('link-me', join(top, 'link'))
  const long = `${'long name '.repeat(15)}ä`
  t.match(await daemon.call('POST', '/files/write', { path: join(top, long), content: 'x' }), { status: 201 })
  t.match(await daemon.call('GET', `/files/read?path=${top}/link-me`), { status: 200, body: { content: 'needle\n' } })
  t.match(await daemon.call('GET', `/files?path=${top}`), { status: 200, body: { count: 3 } })
  t.match(await daemon.call('GET', `/files/search?path=${top}&q=needle`), { status: 200, body: { total_matches: 1 } })
  t.match(await daemon.call('POST', '/exec', { command: ['echo', 'hello'] }), {
    status: 200,
    body: { stdout: 'hello\n' },
  })
  t.match(await daemon.call('POST', '/terminals', {}), { status: 201 })
  t.match(await daemon.call('POST', '/watchers', { path: top }), { status: 201 })
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
  t.equal((await daemon.call('POST', '/mcp', list)).body.result.tools.length, 23)
  const download = await fetch(`${daemon.url}/files/transfer/download`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ paths: [top] }),
  })
  const packed = Buffer.from(await download.arrayBuffer())
  t.ok(gunzipSync(packed).includes('needle'), 'an archive, whole')
  const upload = await daemon.call('POST', `/files/transfer/upload?dest=${directory}/unpacked`, packed)
  t.match(upload, { status: 200, body: { files_extracted: 3 } })
  t.equal(readFileSync(join(directory, 'unpacked/work', long), 'utf8'), 'x')
  t.notOk(daemon.stderr().includes('ERR_MODULE_NOT_FOUND'))
})
