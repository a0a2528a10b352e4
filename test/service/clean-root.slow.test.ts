// A stranger's machine: an empty Debian and the archive, nothing else. Installed, started, used by an SDK, upgraded
// over itself and removed; every path of the root is as it was before (the promise of install.sh).

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { Runtime } from 'oblien/runtime'
import t from 'tap'
import { makeCleanRoot, type CleanRoot } from '../support/clean-root.ts'
import { until } from '../support/until.ts'

const ROOT = join(import.meta.dirname, '../..')
const INSTALL_MS = 400_000
t.setTimeout(INSTALL_MS)

/** Builds the archive and unpacks it below /opt; the folder as the root sees it. */
function unpackArchive(root: CleanRoot, out: string): string {
  const built = spawnSync(process.execPath, [join(ROOT, 'build.mjs'), '--archive', '--out', out], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(built.stderr)
  const [archive = ''] = readdirSync(out).filter((name) => name.endsWith('.tar.zst'))
  mkdirSync(join(root.path, 'opt/archive'))
  const input = zstdDecompressSync(readFileSync(join(out, archive)))
  const { status, stderr } = spawnSync('tar', ['-xf', '-', '-C', join(root.path, 'opt/archive')], { input })
  if (status !== 0) throw new Error(stderr.toString())
  return `/opt/archive/${readdirSync(join(root.path, 'opt/archive'))[0]}`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // of a server on a port
  server.close()
  return port
}

t.test('an empty Debian and the archive: installed, used, upgraded and gone without a trace', async (t) => {
  using root = makeCleanRoot()
  if (root === undefined) return void t.pass('needs a capability', { skip: 'no empty Debian can be made here' })
  t.not(root.run('command -v node npm rg systemctl').code, 0, 'it has none of what could help')
  const folder = unpackArchive(root, t.testdir())
  const before = root.paths()

  const installed = root.run(`${folder}/install.sh`)
  t.equal(installed.code, 0, installed.said)
  const advice = /^install\.sh: {3}(\S+=\S+ \S+=\S+) (\S+ serve) --host 0\.0\.0\.0 --port 9990$/m.exec(installed.said)
  const [, settings, serve] = advice ?? []
  const port = await freePort()
  const daemon = root.start(`env ${settings} ${serve} --port ${port}`)
  const gone = once(daemon, 'exit')
  t.teardown(() => daemon.kill('SIGKILL'))
  const status = (): number | null => root.run(`${settings} workspace-runtime status --port ${port}`).code
  await until('it serves', () => status() === 0)

  const token = root.run(`${settings} workspace-runtime token show`).said.trim()
  const runtime = new Runtime({ token, baseUrl: `http://127.0.0.1:${port}` })
  await runtime.files.write({ fullPath: '/tmp/greeting', content: 'hello\n' })
  t.match(await runtime.exec.run(['sh', '-c', 'cat /tmp/greeting; . /etc/os-release; echo $ID; exit 3']), {
    exit_code: 3,
    stdout: 'hello\ndebian\n',
  })
  t.match(await runtime.search.content({ query: 'hello', path: '/tmp' }), { total_matches: 1, engine: 'ripgrep' })
  await runtime.files.delete({ path: '/tmp/greeting' })

  t.match(root.run(`${folder}/install.sh`), { code: 0, said: /is up to date/ }, 'upgraded over itself')
  t.equal(status(), 0, 'it serves on')
  daemon.kill('SIGTERM')
  t.same(await gone, [0, null])
  t.match(root.run(`${folder}/install.sh uninstall --purge`), { code: 0, said: /removed .*workspace-runtime/ })
  t.same(root.paths(), before, 'nothing is left behind')
})
